/** Reads a signer's whole configuration, its environment and signer.yaml, and reports everything wrong with it at once. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { common, type Listen, listen, parseEnvironment, path } from '../config.ts'
import { ProjectorError } from '../errors.ts'
import { type ClusterSettings, isUrl, parseSettings, type SignerSettings } from './config-file.ts'

const CONFIG_VARIABLE = 'TOKEN_PROJECTOR_SIGNER_CONFIG'

const environment = z.object({
  ...common,
  EXCHANGE_LISTEN: listen.prefault('0.0.0.0:8443'),
  PUBLIC_LISTEN: listen.prefault('0.0.0.0:8444'),
  SIGNER_CONFIG: path,
  POLICY_FILE: path,
  KEY_FILE: path,
  KEY_SECRET: z
    .undefined('is for a later version: keep the keys in a file and set TOKEN_PROJECTOR_KEY_FILE instead')
    .optional(),
})

/** The variables that are read, without their common prefix. */
export const SIGNER_VARIABLES: readonly string[] = Object.keys(environment.shape)

/** Everything that a signer needs to know; paths are absolute or relative to the working directory. */
export interface SignerConfig extends SignerSettings {
  exchangeListen: Listen
  publicListen: Listen
  opsListen: Listen
  tlsDirectory: string
  policyFile: string
  keyFile: string
  logLevel: string
  drainSeconds: number
}

/**
 * @param env the process's environment, names with their prefix `TOKEN_PROJECTOR_`
 * @throws ProjectorError `configuration-invalid`, whose message lists every mistake in the environment and in signer.yaml
 */
export function parseSignerConfig(env: Record<string, string | undefined>): SignerConfig {
  const problems: string[] = []
  const variables = collect(problems, () => parseEnvironment(environment, env))
  const file = env[CONFIG_VARIABLE]
  const settings = file ? collect(problems, () => readSettings(file)) : undefined
  if (variables === undefined || settings === undefined) {
    throw new ProjectorError('configuration-invalid', problems.join('; '))
  }
  return {
    ...settings,
    exchangeListen: variables.EXCHANGE_LISTEN,
    publicListen: variables.PUBLIC_LISTEN,
    opsListen: variables.OPS_LISTEN,
    tlsDirectory: variables.TLS_DIRECTORY,
    policyFile: variables.POLICY_FILE,
    keyFile: variables.KEY_FILE,
    logLevel: variables.LOG_LEVEL,
    drainSeconds: variables.DRAIN_SECONDS,
  }
}

/** The result of `read`, or undefined and its problem kept. */
function collect<Result>(problems: string[], read: () => Result): Result | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ProjectorError)) throw error
    problems.push(error.message)
    return undefined
  }
}

function readSettings(file: string): SignerSettings {
  const settings = parseSettings(readText(file), file)
  if ('problems' in settings) throw new ProjectorError('configuration-invalid', settings.problems.join('; '))
  return { ...settings, clusters: settings.clusters.map((cluster) => resolvePaths(cluster, dirname(file))) }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ProjectorError('configuration-invalid', `${CONFIG_VARIABLE} cannot be read: ${reason}`, { cause: error })
  }
}

/** A path in signer.yaml starts at its folder, so that the folder can be mounted anywhere. */
function resolvePaths(cluster: ClusterSettings, folder: string): ClusterSettings {
  return {
    ...cluster,
    jwks: isUrl(cluster.jwks) ? cluster.jwks : resolve(folder, cluster.jwks),
    ...(cluster.caFile === undefined ? {} : { caFile: resolve(folder, cluster.caFile) }),
  }
}

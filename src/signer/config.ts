/** Reads a signer's whole configuration, its environment and signer.yaml, and reports everything wrong with it at once. */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import type { TlsSettings } from '../certificate/open.ts'
import {
  checkInCluster,
  checkOneOf,
  common,
  inCluster,
  issue,
  type Listen,
  listen,
  need,
  objectName,
  parseEnvironment,
  path,
} from '../config.ts'
import { ProjectorError } from '../errors.ts'
import { type ClusterSettings, isUrl, parseSettings, type SignerSettings } from './config-file.ts'

const CONFIG_VARIABLE = 'TOKEN_PROJECTOR_SIGNER_CONFIG'

const environment = z
  .object({
    ...common,
    ...inCluster,
    EXCHANGE_LISTEN: listen.prefault('0.0.0.0:8443'),
    PUBLIC_LISTEN: listen.prefault('0.0.0.0:8444'),
    SIGNER_CONFIG: path,
    POLICY_FILE: path.optional(),
    KEY_FILE: path.optional(),
    KEY_SECRET: objectName.optional(),
  })
  .superRefine(
    (values, context) => {
      checkInCluster(values, context, ['TLS_SECRET', 'KEY_SECRET'])
      checkOneOf(values, context, 'KEY_FILE', 'KEY_SECRET', 'where the signing keys are kept')
      if (values.TLS_SECRET !== undefined) {
        need(values, context, 'SIGNER_CA_CONFIGMAP', 'the webhook reads there which CA signs our certificate')
      } else if (values.SIGNER_CA_CONFIGMAP !== undefined) {
        issue(context, 'SIGNER_CA_CONFIGMAP', 'is written only for the CA in TOKEN_PROJECTOR_TLS_SECRET; remove it')
      }
    },
    // Beside the mistakes of single variables, not only after they are mended.
    { when: () => true },
  )

/** The variables that are read, without their common prefix. */
export const SIGNER_VARIABLES: readonly string[] = Object.keys(environment.shape)

/** Everything that a signer needs to know; paths are absolute or relative to the working directory. */
export interface SignerConfig extends SignerSettings {
  exchangeListen: Listen
  publicListen: Listen
  opsListen: Listen
  tls: TlsSettings
  /** ConfigMap in which the roots are published; with a Secret for TLS alone. */
  caConfigMap: string | undefined
  /** Undefined means the AudiencePolicies of the cluster. */
  policyFile: string | undefined
  keys: KeyStore
  /** Undefined means the pod's own service account. */
  kubeconfig: string | undefined
  logLevel: string
  drainSeconds: number
}

export type KeyStore = { file: string } | { secret: string; namespace: string }

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
    tls: variables,
    caConfigMap: variables.SIGNER_CA_CONFIGMAP,
    policyFile: variables.POLICY_FILE,
    keys: keyStoreOf(variables),
    kubeconfig: variables.KUBECONFIG,
    logLevel: variables.LOG_LEVEL,
    drainSeconds: variables.DRAIN_SECONDS,
  }
}

function keyStoreOf({ KEY_FILE, KEY_SECRET, NAMESPACE }: z.output<typeof environment>): KeyStore {
  if (KEY_FILE !== undefined) return { file: KEY_FILE }
  if (KEY_SECRET !== undefined && NAMESPACE !== undefined) return { secret: KEY_SECRET, namespace: NAMESPACE }
  throw new TypeError('the schema lets no environment without a key store through')
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
  const { jwks, caFile } = cluster
  return {
    ...cluster,
    ...(jwks === undefined ? {} : { jwks: isUrl(jwks) ? jwks : resolve(folder, jwks) }),
    ...(caFile === undefined ? {} : { caFile: resolve(folder, caFile) }),
  }
}

/** The signer's CA bundle, in a file or in a ConfigMap of the cluster: read, checked, and read again when it changes. */
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { certificatesIn } from '../certificate/inspect.ts'
import { BUNDLE_KEY } from '../certificate/publish.ts'
import { ProjectorError } from '../errors.ts'
import { type FollowDeps, follow } from '../kubernetes/follow.ts'
import { configMaps, configMapText, describeTarget, type KubernetesObject } from '../kubernetes/object.ts'
import type { Log } from '../log.ts'
import { watchDirectory } from '../watch.ts'

/** A bundle that is kept up to date; it goes into every sidecar's configuration. */
export interface BundleSource {
  /** PEM: certificates and nothing else; undefined until there is a first one. */
  current(): string | undefined
  /** Why there is no bundle yet, as a sentence that says what to do, or undefined. */
  unready(): string | undefined
  close(): Promise<void>
}

/**
 * Watches the file `path`.
 * @throws ProjectorError `configuration-invalid` when the first reading is unusable
 */
export async function watchSignerCa(path: string, log: Log): Promise<BundleSource> {
  let bundle = await readBundle(path)
  const end = await watchDirectory(dirname(path), () => void reload(), log)

  async function reload(): Promise<void> {
    try {
      const next = await readBundle(path)
      if (next === bundle) return
      bundle = next
      log.info({ path }, 'signer CA reloaded')
    } catch (error) {
      log.error({ err: error, path }, 'the new signer CA is unusable, the old one stays in force')
    }
  }

  return { current: () => bundle, unready: () => undefined, close: end }
}

async function readBundle(path: string): Promise<string> {
  try {
    const bundle = bundleOf(await readFile(path, 'utf8'))
    if (bundle === undefined) throw new Error('it holds none, or a damaged one')
    return bundle
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ProjectorError(
      'configuration-invalid',
      `TOKEN_PROJECTOR_SIGNER_CA_FILE ${path} must hold PEM certificates: ${reason}`,
      { cause: error },
    )
  }
}

/** Follows the ConfigMap in which the signer publishes its CA. Never fails: until a CA is there `unready` says why not. */
export function followSignerCa(namespace: string, name: string, deps: FollowDeps): BundleSource {
  const target = { collection: configMaps(namespace), name }
  const called = describeTarget(target)
  let bundle: string | undefined
  let problem: string | undefined

  function take([configMap]: readonly KubernetesObject[]): void {
    const next = bundleOf(configMap && configMapText(configMap, BUNDLE_KEY))
    problem = next === undefined ? problemOf(called, configMap) : undefined
    if (problem !== undefined) deps.log.warn(bundle === undefined ? problem : `${problem}; the old CA stays in force`)
    if (next === undefined || next === bundle) return
    bundle = next
    deps.log.info(`signer CA read from ${called}`)
  }

  const following = follow(target, take, deps)
  return {
    current: () => bundle,
    unready: () => (bundle === undefined ? (following.unready() ?? problem) : undefined),
    close: following.close,
  }
}

function problemOf(called: string, configMap: KubernetesObject | undefined): string {
  if (configMap === undefined) return `${called} does not exist; install the chart again, which creates it`
  return `${called} holds no CA of the signer under ${BUNDLE_KEY}; a signer publishes it when it starts`
}

/** Only the certificates are taken: a key that somebody left there must not reach every pod. */
function bundleOf(text: string | undefined): string | undefined {
  const certificates = certificatesIn(text)
  return certificates.length === 0 ? undefined : certificates.join('')
}

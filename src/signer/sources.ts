/** What a signer lives by, from files or from its cluster: opened together and kept up to date. */
import { openTls } from '../certificate/open.ts'
import { configMapPlace } from '../certificate/publish.ts'
import type { TlsSource } from '../certificate/source.ts'
import { connect, type KubernetesClient } from '../kubernetes/client.ts'
import type { FollowDeps } from '../kubernetes/follow.ts'
import type { Log } from '../log.ts'
import { followPolicies } from '../policy/cluster.ts'
import { type PolicySource, watchPolicyFile } from '../policy/file.ts'
import type { SignerConfig } from './config.ts'
import { openKeyFile } from './key-store/file.ts'
import { followKeySecret } from './key-store/secret.ts'
import { fixedKeys, type KeySource } from './key-store/source.ts'
import { keepPolicyStatus } from './policy-status.ts'

export interface SourceDeps {
  /** Unix milliseconds. */
  now(): number
  /** Uniform in [0, 1). */
  random(): number
  /** UUIDv4. */
  randomUUID(): string
  log: Log
}

export interface Sources {
  /** The cluster that the signer runs in; undefined where nothing is asked of it. */
  client: KubernetesClient | undefined
  keys: KeySource
  tls: TlsSource
  policies: PolicySource
  close(): Promise<void>
}

interface Closable {
  close(): Promise<void>
}

type ClusterDeps = SourceDeps & FollowDeps

/**
 * Opens all or none. Files must be usable now; what the cluster has not got yet is waited for, see {@link unready}.
 * @throws ProjectorError `configuration-invalid` or `key-store-unusable`
 */
export async function openSources(config: SignerConfig, deps: SourceDeps): Promise<Sources> {
  const client = needsCluster(config) ? await connect(config.kubeconfig) : undefined
  const cluster = client && { ...deps, client }
  const opened: Closable[] = []
  const keep = <Source extends Closable>(source: Source): Source => {
    opened.push(source)
    return source
  }
  const close = async () => void (await Promise.all(opened.map((source) => source.close())))
  try {
    const keys = keep(await openKeys(config, deps, cluster))
    const tls = keep(await openTls(config.tls, deps.log, ownerOf(config, cluster)))
    const policies = await openPolicies(config, deps, cluster, keep)
    return { client, keys, tls, policies, close }
  } catch (error) {
    await close()
    throw error
  }
}

function needsCluster({ tls, keys, policyFile, clusters }: SignerConfig): boolean {
  const isAsked = clusters.some(({ mode }) => mode === 'tokenReview')
  return tls.TLS_SECRET !== undefined || 'secret' in keys || policyFile === undefined || isAsked
}

async function openKeys({ keys, issuer }: SignerConfig, deps: SourceDeps, cluster?: ClusterDeps): Promise<KeySource> {
  if ('file' in keys) return fixedKeys(await openKeyFile(keys.file, issuer.alg, deps))
  return followKeySecret({ namespace: keys.namespace, name: keys.secret, alg: issuer.alg }, needed(cluster))
}

/** Running sidecars trust the CA that their pods were injected with, so a lost one is not silently replaced. */
function ownerOf({ caConfigMap, tls }: SignerConfig, deps: ClusterDeps | undefined) {
  if (caConfigMap === undefined || tls.NAMESPACE === undefined || deps === undefined) return undefined
  const place = configMapPlace(tls.NAMESPACE, caConfigMap)
  return { commonName: 'token-projector signer', place, whenLost: 'ask', deps } as const
}

async function openPolicies(
  { policyFile }: SignerConfig,
  { log }: SourceDeps,
  cluster: ClusterDeps | undefined,
  keep: <Source extends Closable>(source: Source) => Source,
): Promise<PolicySource> {
  if (policyFile !== undefined) return keep(await watchPolicyFile(policyFile, log))
  const policies = keep(followPolicies(needed(cluster)))
  keep(keepPolicyStatus(policies, needed(cluster)))
  return policies
}

function needed<Deps>(deps: Deps | undefined): Deps {
  if (deps === undefined) throw new TypeError('what is kept in the cluster needs a client for it')
  return deps
}

/**
 * Why no token can be given yet, everything that is missing, or undefined. A file without policy is no reason: the
 * exchange says so itself, and an unready pod would take discovery and JWKS away from everybody.
 */
export function unready({ keys, tls, policies }: Sources): string | undefined {
  const reasons = [keys, tls, policies].flatMap((source) => source.unready() ?? [])
  return reasons.length === 0 ? undefined : reasons.join('; ')
}

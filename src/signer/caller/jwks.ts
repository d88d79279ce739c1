/** Authenticates callers offline, by the public keys that their cluster publishes. */
import type { CallerFacts } from '../../contract.ts'
import { isRefusal, ProjectorError, type Refusal, refuse } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { type ClusterSettings, isUrl, type SignerSettings } from '../config-file.ts'
import { verifyCompact } from '../jws.ts'
import { callerOf } from './claims.ts'
import { peek } from './compact.ts'
import { fetchJwks, readRoots } from './fetch.ts'
import { createKeyCache, FILE_POLICY, type KeyCache, type NoKey, URL_POLICY } from './key-cache.ts'

/** @returns who sent the subject token, from facts that its cluster vouches for; or why nobody is believed */
export type Authenticate = (subjectToken: string) => Promise<CallerFacts | Refusal>

export interface CallerDeps {
  /** Milliseconds. */
  now(): number
  log: Log
  onFetchFailure(cluster: string): void
  /** Brings the JWK Set of the signer's own API server, for the cluster that names no other. */
  fetchOwnKeys?(): Promise<string>
}

/**
 * By keys alone, which is all of mode `jwks` and the cheap beginning of mode `tokenReview`: a token's `iss` decides the cluster, the cluster's key decides the algorithm.
 * @throws ProjectorError `configuration-invalid` when a key or CA file is unusable; an unreachable URL is only logged
 */
export async function createJwksCaller(
  { clusters, identityAudience }: Pick<SignerSettings, 'clusters' | 'identityAudience'>,
  deps: CallerDeps,
): Promise<Authenticate> {
  const opened = clusters.map(async (cluster) => {
    return [cluster.issuer, { cluster: cluster.name, keys: await keysOf(cluster, deps) }] as const
  })
  const caches = new Map(await Promise.all(opened))

  return async (subjectToken) => {
    const claimed = peek(subjectToken)
    if (isRefusal(claimed)) return claimed
    const issuer = caches.get(claimed.issuer)
    if (issuer === undefined) {
      return refuse('subject-token-untrusted', 'no cluster in signer.yaml has the issuer of the subject token')
    }
    const key = await issuer.keys.find(claimed.kid)
    if (typeof key === 'string') return keyless(key, issuer.cluster)
    const verified = await verifyCompact(subjectToken, key.jwk, key.alg)
    if (verified === undefined) {
      return refuse(
        'subject-token-untrusted',
        `the subject token is not signed by its key of cluster ${issuer.cluster}`,
      )
    }
    const now = Math.floor(deps.now() / 1000)
    return callerOf(JSON.parse(verified.payload), { cluster: issuer.cluster, identityAudience, now })
  }
}

function keyless(why: NoKey, cluster: string): Refusal {
  switch (why) {
    case 'unknown':
      return refuse('subject-token-untrusted', `cluster ${cluster} publishes no key with the kid of the subject token`)
    case 'unsure':
      return refuse(
        'cluster-unavailable',
        `cluster ${cluster} had no key with the kid of the subject token when it was last asked; it is asked again shortly, try again`,
      )
    case 'unavailable':
      return refuse('cluster-unavailable', `the keys of cluster ${cluster} cannot be fetched now; see the signer's log`)
  }
}

async function keysOf(cluster: ClusterSettings, deps: CallerDeps): Promise<KeyCache> {
  await readRoots(cluster).catch((error) => failStart(cluster, error))
  let lastError: unknown
  const isFile = cluster.jwks !== undefined && !isUrl(cluster.jwks)
  const keys = createKeyCache({
    policy: isFile ? FILE_POLICY : URL_POLICY,
    load: loaderOf(cluster, deps),
    now: deps.now,
    onFailure(error) {
      lastError = error
      deps.onFetchFailure(cluster.name)
      deps.log.error({ err: error, cluster: cluster.name }, "the cluster's keys cannot be fetched")
    },
  })
  // A network that is down passes; a file that is not there is a mistake in signer.yaml.
  if (!(await keys.refresh()) && isFile) failStart(cluster, lastError)
  return keys
}

function loaderOf({ jwks, caFile }: ClusterSettings, { fetchOwnKeys }: CallerDeps): () => Promise<string> {
  if (jwks !== undefined) return () => fetchJwks(caFile === undefined ? { jwks } : { jwks, caFile })
  if (fetchOwnKeys === undefined) throw new TypeError('a cluster without jwks is asked through the API server')
  return fetchOwnKeys
}

function failStart(cluster: ClusterSettings, error: unknown): never {
  const reason = error instanceof Error ? error.message : String(error)
  const message = `signer.yaml: the keys of cluster ${cluster.name} (${cluster.jwks ?? 'its API server'}) are unusable: ${reason}`
  throw new ProjectorError('configuration-invalid', message, { cause: error })
}

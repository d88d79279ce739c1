/** Keeps a cluster's public keys: fetched again when old or when a key is unknown, and kept for a while when fetching fails. */
import { type ClusterKey, parseJwkSet } from './jwk-set.ts'

/** How long keys are used, in milliseconds. */
export interface CachePolicy {
  /** Younger keys are used without asking. */
  freshMs: number
  /** Between two attempts to fetch, however many unknown keys callers name. */
  cooldownMs: number
  /** Older keys are not used even when newer ones cannot be had. */
  staleMs: number
}

/** A file costs next to nothing to read again, so an unknown key is looked for at once. */
export const FILE_POLICY: CachePolicy = { freshMs: 1_000, cooldownMs: 0, staleMs: 3_600_000 }
/**
 * Ten minutes and thirty seconds are what verifiers of OIDC tokens commonly do.
 * Without its API server a cluster's identity tokens, which live an hour, end too, so keys are kept as long.
 */
export const URL_POLICY: CachePolicy = { freshMs: 600_000, cooldownMs: 30_000, staleMs: 3_600_000 }

/** Between two attempts while there has been no key yet, in milliseconds. */
const FIRST_KEYS_MS = 1_000

export interface KeyCacheOptions {
  policy: CachePolicy
  /** Brings the JWK Set's text or throws. */
  load(): Promise<string>
  /** Milliseconds. */
  now(): number
  onFailure(error: unknown): void
}

/**
 * `unknown`: the cluster has no such key. `unsure`: it had none when it was last asked, and it is not asked again yet.
 * `unavailable`: its keys cannot be had now.
 */
export type NoKey = 'unknown' | 'unsure' | 'unavailable'

export interface KeyCache {
  find(kid: string): Promise<ClusterKey | NoKey>
  /** Fetches whatever the age. @returns whether that worked */
  refresh(): Promise<boolean>
}

export function createKeyCache({ policy, load, now, onFailure }: KeyCacheOptions): KeyCache {
  let keys: ReadonlyMap<string, ClusterKey> | undefined
  let loadedAt = Number.NEGATIVE_INFINITY
  let attemptedAt = Number.NEGATIVE_INFINITY
  let isFailing = false
  let pending: Promise<boolean> | undefined

  async function fetchKeys(): Promise<boolean> {
    attemptedAt = now()
    try {
      const next = parseJwkSet(await load())
      if (next === undefined) throw new Error('what was fetched is not a JWK Set with a usable key')
      keys = next
      loadedAt = now()
      isFailing = false
    } catch (error) {
      isFailing = true
      onFailure(error)
    }
    return !isFailing
  }

  /** One fetch at a time, shared by all who wait. */
  function refresh(): Promise<boolean> {
    pending ??= fetchKeys().finally(() => {
      pending = undefined
    })
    return pending
  }

  /** The distance in time, either way: a clock that was set back must not freeze the cache. */
  const since = (moment: number) => Math.abs(now() - moment)
  /** Without any key nobody is served, so that passes as soon as it can: the API server's rights may be seconds old. */
  const pauseMs = () => (keys === undefined ? Math.min(FIRST_KEYS_MS, policy.cooldownMs) : policy.cooldownMs)
  const mayFetch = () => pending !== undefined || since(attemptedAt) >= pauseMs()

  async function find(kid: string): Promise<ClusterKey | NoKey> {
    const askedAt = now()
    if (since(loadedAt) >= policy.freshMs && mayFetch()) await refresh()
    if (keys === undefined || since(loadedAt) >= policy.staleMs) return 'unavailable'
    const known = keys.get(kid)
    if (known !== undefined) return known
    if (mayFetch()) await refresh()
    if (isFailing) return keys.get(kid) ?? 'unavailable'
    // Only a fetch that began after the question knows: the key may be newer than what we have.
    return keys.get(kid) ?? (attemptedAt >= askedAt ? 'unknown' : 'unsure')
  }

  return { find, refresh }
}

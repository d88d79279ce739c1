/** How long to wait before a token is renewed and after an attempt failed; all in milliseconds. Pure. */

/** A token that lives longer than two hours is renewed each hour all the same, so that a change of policy or keys arrives. */
const LONGEST_RENEWAL_MS = 3_600_000
/** Half of a token's life, so that clients which hold a token for minutes never hold a dead one. */
const RENEW_AT = 0.5
/** A fleet that renews together overloads its signer (spiffe/spire#4268). */
const RENEW_JITTER = 0.1
/** A fleet that starts together spreads once more widely: ±10 % alone peaks at five times the mean, this at 2.4. */
const FIRST_RENEWAL = { from: 0.25, to: 0.5 } as const

const BACKOFF_BASE_MS = 1000
const BACKOFF_CAP_MS = 60_000
/** A token of seconds, as development uses them, would die within a minute's pause: a tenth of a life is enough. */
const BACKOFF_SHARE_OF_LIFE = 0.1
/** The signer may ask for this much patience; more would break the promise in rotation.ts. */
const RETRY_AFTER_CAP_MS = 60_000
/** With two attempts of ten seconds around it, a pause of this length still fits into the promise's ninety. */
const LONGEST_PAUSE_MS = 65_000
/** Policy is changed by people: soon enough for one who waits, seldom enough for a signer. */
const REFUSED = { from: 30_000, to: 60_000 } as const

/**
 * From when a token was asked for until it is renewed.
 * @param isFirst whether this process renews it for the first time
 * @param random uniform in [0, 1)
 */
export function renewalDelayMs(lifeMs: number, isFirst: boolean, random: number): number {
  const basis = Math.min(lifeMs, LONGEST_RENEWAL_MS / RENEW_AT)
  if (isFirst) return basis * between(FIRST_RENEWAL, random)
  return basis * RENEW_AT * (1 + RENEW_JITTER * (2 * random - 1))
}

/**
 * From a failure that may pass until the next attempt: full jitter, so that a fleet does not return as one.
 * @param failures in a row, this one included
 * @param lifeMs of the token that is there, if one is
 */
export function backoffMs(failures: number, lifeMs: number | undefined, random: number): number {
  return random * ceilingMs(failures, lifeMs)
}

/** As {@link backoffMs}, when the signer said how long to stay away. */
export function retryAfterMs(asked: number, failures: number, lifeMs: number | undefined, random: number): number {
  const wait = Math.min(Math.max(asked, 0), RETRY_AFTER_CAP_MS)
  const spread = Math.min(wait / 2 + ceilingMs(failures, lifeMs), LONGEST_PAUSE_MS - wait)
  return wait + random * spread
}

/** From a refusal until the signer is asked again. */
export function refusedDelayMs(random: number): number {
  return between(REFUSED, random)
}

function ceilingMs(failures: number, lifeMs: number | undefined): number {
  const share = lifeMs === undefined ? BACKOFF_CAP_MS : lifeMs * BACKOFF_SHARE_OF_LIFE
  const cap = Math.max(BACKOFF_BASE_MS, Math.min(BACKOFF_CAP_MS, share))
  return Math.min(cap, BACKOFF_BASE_MS * 2 ** (failures - 1))
}

function between(range: { from: number; to: number }, random: number): number {
  return range.from + random * (range.to - range.from)
}

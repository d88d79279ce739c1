/** Keeps a set of tokens fresh in a folder: one loop and one timer around a state machine per token. */
import { attempt, type KeptToken, type Reach } from './attempt.ts'
import { createClock } from './clock.ts'
import { judgeFound } from './found.ts'
import { type Failure, isIssued, type Outcome } from './outcome.ts'
import { advance, isDue, type Rotation, type RotationEvent, startRotation } from './rotation.ts'
import type { FoundFile } from './token-file.ts'

/** A leap of the clock is noticed within this time. */
const LONGEST_SLEEP_MS = 15_000
/** A token with less of its life left is about to fail its readers. */
export const ENDING = 0.1

export interface KeeperDeps extends Reach {
  /** Wall clock, Unix milliseconds. */
  now(): number
  /** Milliseconds that no one sets. */
  monotonic(): number
  /** Uniform in [0, 1). */
  random(): number
  /** Calls back once after `delayMs`, unless the returned function is called before. */
  setTimer(delayMs: number, fire: () => void): () => void
  findFile(name: string): FoundFile | undefined
  /** Told of everything that happens; must not throw. */
  report(report: Report): void
}

/** What readers find while a token cannot be renewed; `ending` is the last tenth of its life. */
export type FileState = 'absent' | 'good' | 'ending' | 'expired'

/** Something that happened, for logs and metrics. Carries no token. */
export type Report =
  | { kind: 'found'; token: string; jti: string | undefined; expiresAt: number }
  | { kind: 'issued'; token: string; jti: string | undefined; expiresAt: number; renewInMs: number }
  | { kind: 'failed'; token: string; failure: Failure; retryInMs: number; file: FileState }
  | { kind: 'leapt'; byMs: number }
  | { kind: 'generation'; generation: number }

/** What can be said of one token now. */
export interface TokenStatus {
  name: string
  /** Whether readers find a token, be it expired. */
  isThere: boolean
  /** The token's own `exp`, Unix seconds. */
  expiresAt: number | undefined
  /** Until the token in the file ends, by our own clock; negative when it has. */
  lifeLeftMs: number
  lifeMs: number
  /** When it was last issued to this process, Unix seconds. */
  issuedAt: number | undefined
  /** Why the last attempt failed; undefined once one succeeds. */
  failure: Failure | undefined
}

export interface Keeper {
  /** Every token is asked for at once, one that is being asked for once more after that. */
  renewNow(): void
  tokens(): TokenStatus[]
  /** Resolves after `signal` said stop and the last attempt is over. */
  done: Promise<void>
}

interface Entry {
  token: KeptToken
  rotation: Rotation
  expiresAt: number | undefined
  issuedAt: number | undefined
  failure: Failure | undefined
}

const NOTHING = { expiresAt: undefined, issuedAt: undefined, failure: undefined }

/**
 * Starts to keep `tokens`, whose names differ. What lies in the folder and is still good stays until it is replaced.
 * @param signal no attempt begins after it
 * @param cut attempts under way are given up too
 */
export function startKeeper(
  tokens: readonly KeptToken[],
  deps: KeeperDeps,
  signal: AbortSignal,
  cut: AbortSignal = signal,
): Keeper {
  const clock = createClock(deps.now, deps.monotonic)
  const entries = tokens.map(begin)
  const { promise: done, resolve: finish } = Promise.withResolvers<void>()
  let underWay = 0
  let generation = 0
  let cancelTimer: () => void = () => undefined

  function begin(token: KeptToken): Entry {
    const found = judgeFound(deps.findFile(token.name), token.audience, deps.now())
    const now = clock.now()
    const entry = { token, rotation: startRotation(undefined, now), ...NOTHING }
    if (found === undefined) return entry
    const { id: jti, expiresAt } = found.claims
    deps.report({ kind: 'found', token: token.name, jti, expiresAt })
    const endsAt = now + found.lifeLeftMs
    const held = { askedAt: endsAt - found.lifeMs, expiresAt: endsAt, generation: undefined }
    return { ...entry, rotation: startRotation(held, now), expiresAt }
  }

  function look(): void {
    cancelTimer()
    if (signal.aborted) {
      if (underWay === 0) finish()
      return
    }
    noticeLeap()
    for (const entry of entries) if (isDue(entry.rotation, clock.now())) void renew(entry)
    cancelTimer = deps.setTimer(sleepMs(), look)
  }

  function noticeLeap(): void {
    const byMs = clock.leap()
    if (byMs === 0) return
    deps.report({ kind: 'leapt', byMs })
    for (const entry of entries) tell(entry, { kind: 'leapt' })
  }

  async function renew(entry: Entry): Promise<void> {
    tell(entry, { kind: 'begun' })
    underWay += 1
    const askedAt = clock.now()
    const outcome = await attempt(entry.token, deps, cut)
    underWay -= 1
    settle(entry, outcome, askedAt)
    look()
  }

  function settle(entry: Entry, outcome: Outcome, askedAt: number): void {
    const token = entry.token.name
    if (!isIssued(outcome)) {
      tell(entry, { kind: 'failed', refused: outcome.refused, retryAfterMs: outcome.retryAfterMs })
      // An attempt that we cut short ourselves is no news, and would hide why the one before it failed.
      if (signal.aborted) return
      entry.failure = outcome
      deps.report({ kind: 'failed', token, failure: outcome, retryInMs: dueInMs(entry), file: fileState(entry) })
      return
    }
    const { jti, expiresAt, expiresInSeconds } = outcome
    Object.assign(entry, { expiresAt, issuedAt: Math.floor(deps.now() / 1000), failure: undefined })
    const held = { askedAt, expiresAt: askedAt + expiresInSeconds * 1000, generation: outcome.generation }
    tell(entry, { kind: 'issued', held })
    deps.report({ kind: 'issued', token, jti, expiresAt, renewInMs: dueInMs(entry) })
    noticeGeneration(outcome.generation ?? 0)
  }

  /** The first answer sets what is known; from then on a higher number means that older tokens are to go. */
  function noticeGeneration(named: number): void {
    if (named <= generation) return
    if (generation > 0) deps.report({ kind: 'generation', generation: named })
    generation = named
    for (const entry of entries) tell(entry, { kind: 'generation', generation })
  }

  function tell(entry: Entry, event: RotationEvent): void {
    entry.rotation = advance(entry.rotation, event, clock.now(), deps.random())
  }

  function sleepMs(): number {
    return Math.max(0, Math.min(LONGEST_SLEEP_MS, ...entries.map(dueInMs)))
  }

  function dueInMs({ rotation }: Entry): number {
    return rotation.phase === 'waiting' ? rotation.dueAt - clock.now() : Number.POSITIVE_INFINITY
  }

  function statusOf(entry: Entry): TokenStatus {
    const { held } = entry.rotation
    const { expiresAt, issuedAt, failure } = entry
    const lifeMs = held === undefined ? 0 : held.expiresAt - held.askedAt
    const lifeLeftMs = held === undefined ? 0 : held.expiresAt - clock.now()
    return { name: entry.token.name, isThere: isThere(entry), expiresAt, lifeLeftMs, lifeMs, issuedAt, failure }
  }

  function fileState(entry: Entry): FileState {
    const { isThere, lifeLeftMs, lifeMs } = statusOf(entry)
    if (!isThere) return 'absent'
    if (lifeLeftMs <= 0) return 'expired'
    return lifeLeftMs < lifeMs * ENDING ? 'ending' : 'good'
  }

  function renewNow(): void {
    for (const entry of entries) tell(entry, { kind: 'renew' })
    look()
  }

  signal.addEventListener('abort', look, { once: true })
  look()
  return { renewNow, tokens: () => entries.map(statusOf), done }
}

function isThere(entry: Entry): boolean {
  return entry.rotation.held !== undefined
}

/**
 * Says when a token is asked for next: one state machine per token, over a clock that never goes back.
 *
 * | state   | begun  | issued              | failed           | refused          | renew, leapt | newer generation of keys |
 * |---------|--------|---------------------|------------------|------------------|--------------|--------------------------|
 * | waiting | asking | –                   | –                | –                | due now      | due now if held is older |
 * | asking  | –      | waiting for renewal | waiting, backoff | waiting, 30…60 s | asking again | noted                    |
 *
 * `–` changes nothing. "Asking again" is due as soon as the attempt under way is over, however it ends: it began
 * before what we were told. An answer older than a noted generation is renewed after 30…60 s. A token once held stays held: an old token is better than none, so nothing here drops it.
 *
 * The promise: no reader ever finds a dead token if the signer answers for any 90 s on end between 55 % of its life and
 * its end. A renewal is due by 55 %; from then on an attempt takes at most 10 s and a pause at most 65 s. Pure.
 */
import { backoffMs, refusedDelayMs, renewalDelayMs, retryAfterMs } from './delays.ts'

/** The token that readers find now; milliseconds on the keeper's clock. */
export interface Held {
  /** When it was asked for; its life is counted from here, so that the way back from the signer is never added to it. */
  askedAt: number
  expiresAt: number
  generation: number | undefined
}

interface Common {
  held: Held | undefined
  /** Attempts that failed in a row. */
  failures: number
  /** Whether this process has been issued this token before. */
  wasIssued: boolean
  /** The newest generation of keys that any answer named. */
  newest: number
}

export interface Waiting extends Common {
  phase: 'waiting'
  /** When the next attempt begins. */
  dueAt: number
}

export interface Asking extends Common {
  phase: 'asking'
  /** Something happened since the attempt began that asks for another one. */
  again: boolean
}

export type Rotation = Waiting | Asking

export type RotationEvent =
  /** An attempt has begun. */
  | { kind: 'begun' }
  /** It brought a token, which is written. */
  | { kind: 'issued'; held: Held }
  /** It brought none. */
  | { kind: 'failed'; refused: boolean; retryAfterMs?: number | undefined }
  /** Somebody wants every token renewed. */
  | { kind: 'renew' }
  /** The clock leapt, or the machine slept. */
  | { kind: 'leapt' }
  /** Another token's answer named this generation of keys. */
  | { kind: 'generation'; generation: number }

/** A token's state when the keeper starts: one that was found stays readable, and either way the first attempt is due. */
export function startRotation(found: Held | undefined, now: number): Rotation {
  return { phase: 'waiting', dueAt: now, held: found, failures: 0, wasIssued: false, newest: 0 }
}

/**
 * The state after `event`.
 * @param now milliseconds on the keeper's clock
 * @param random uniform in [0, 1)
 */
export function advance(rotation: Rotation, event: RotationEvent, now: number, random: number): Rotation {
  return rotation.phase === 'waiting' ? whileWaiting(rotation, event, now) : whileAsking(rotation, event, now, random)
}

/** Whether an attempt shall begin. */
export function isDue(rotation: Rotation, now: number): boolean {
  return rotation.phase === 'waiting' && rotation.dueAt <= now
}

function whileWaiting(rotation: Waiting, event: RotationEvent, now: number): Rotation {
  switch (event.kind) {
    case 'begun': {
      const { dueAt: _, ...common } = rotation
      return { ...common, phase: 'asking', again: false }
    }
    case 'renew':
    case 'leapt':
      return { ...rotation, dueAt: Math.min(rotation.dueAt, now) }
    case 'generation': {
      const newest = Math.max(rotation.newest, event.generation)
      const isOld = rotation.held !== undefined && isOlder(rotation.held, newest)
      return {
        ...rotation,
        newest,
        dueAt: isOld && newest > rotation.newest ? Math.min(rotation.dueAt, now) : rotation.dueAt,
      }
    }
    default:
      return rotation
  }
}

function whileAsking(rotation: Asking, event: RotationEvent, now: number, random: number): Rotation {
  switch (event.kind) {
    case 'renew':
    case 'leapt':
      return { ...rotation, again: true }
    case 'generation':
      return { ...rotation, newest: Math.max(rotation.newest, event.generation) }
    case 'issued':
      return afterIssue(rotation, event.held, now, random)
    case 'failed':
      return afterFailure(rotation, event, now, random)
    default:
      return rotation
  }
}

function afterIssue(rotation: Asking, held: Held, now: number, random: number): Waiting {
  const newest = Math.max(rotation.newest, held.generation ?? 0)
  const renewAt = held.askedAt + renewalDelayMs(held.expiresAt - held.askedAt, !rotation.wasIssued, random)
  // A replica that has not seen the new keys yet answers with old ones for a moment: soon again, but not at once.
  const dueAt = isOlder(held, newest) ? Math.min(renewAt, now + refusedDelayMs(random)) : renewAt
  return {
    phase: 'waiting',
    dueAt: rotation.again ? now : Math.max(dueAt, now),
    held,
    failures: 0,
    wasIssued: true,
    newest,
  }
}

function afterFailure(
  rotation: Asking,
  event: Extract<RotationEvent, { kind: 'failed' }>,
  now: number,
  random: number,
): Waiting {
  const { again, ...common } = rotation
  const failures = rotation.failures + 1
  const delayMs = again ? 0 : pauseMs(event, failures, rotation.held, random)
  return { ...common, phase: 'waiting', dueAt: now + delayMs, failures }
}

function pauseMs(
  event: Extract<RotationEvent, { kind: 'failed' }>,
  failures: number,
  held: Held | undefined,
  random: number,
): number {
  if (event.refused) return refusedDelayMs(random)
  const lifeMs = held === undefined ? undefined : held.expiresAt - held.askedAt
  if (event.retryAfterMs === undefined) return backoffMs(failures, lifeMs, random)
  return retryAfterMs(event.retryAfterMs, failures, lifeMs, random)
}

/** A token of unknown generation is from before this process and renewed at once anyway. */
function isOlder(held: Held, newest: number): boolean {
  return held.generation !== undefined && held.generation < newest
}

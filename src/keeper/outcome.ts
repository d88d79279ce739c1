/** What one attempt to get a token comes to: a token, or a failure that says whether asking again soon can help. Pure. */
import { ProjectorError, type Reason } from '../errors.ts'

/** A token that passed every check and may be written. */
export interface Issued {
  token: string
  jti: string | undefined
  /** The token's own `exp`, Unix seconds. */
  expiresAt: number
  /** Its life from the moment it was asked for. */
  expiresInSeconds: number
  /** The signer's generation of keys, when it says one. */
  generation: number | undefined
}

/** Why there is no token; `message` names host and code, never the token. */
export interface Failure {
  failed: Reason
  message: string
  /** The signer understood and said no: asking at once again gets the same answer. */
  refused: boolean
  /** What the signer asked us to wait. */
  retryAfterMs?: number
}

export type Outcome = Issued | Failure

export function isIssued(outcome: Outcome): outcome is Issued {
  return 'token' in outcome
}

/** A failure that is worth another attempt soon. */
export function failure(failed: Reason, message: string): Failure {
  return { failed, message, refused: false }
}

/** What an exception during an attempt comes to. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ProjectorError) return failure(error.reason, error.message)
  return failure('internal', error instanceof Error ? error.message : String(error))
}

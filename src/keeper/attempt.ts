/** One attempt for one token: who we are, the exchange, the file. */
import { failureOf, isIssued, type Outcome } from './outcome.ts'
import type { Ask } from './request.ts'

/** One token to keep; its file has its name. */
export interface KeptToken extends Ask {
  name: string
}

/** How an attempt reaches the world. */
export interface Reach {
  /** What must be in place before a token is, such as files that refer to it; called before every attempt. */
  prepare(): void
  /** Called for every attempt, because the identity token is replaced under us. */
  readIdentityToken(): string
  exchange(ask: Ask, identityToken: string, signal: AbortSignal): Promise<Outcome>
  replaceFile(name: string, text: string): void
}

/** Brings a token into its file. Every failure is an outcome; an issued token is written, even when `signal` says stop. */
export async function attempt(token: KeptToken, reach: Reach, signal: AbortSignal): Promise<Outcome> {
  try {
    reach.prepare()
    const outcome = await reach.exchange(token, reach.readIdentityToken(), signal)
    if (isIssued(outcome)) reach.replaceFile(token.name, outcome.token)
    return outcome
  } catch (error) {
    return failureOf(error)
  }
}

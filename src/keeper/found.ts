/** Judges a token that lies in a file: is it the one that was asked for, and how long is it still good? Pure. */
import { readClaims, type TokenClaims } from './jwt.ts'
import type { FoundFile } from './token-file.ts'

/** A token that readers may still use. */
export interface Found {
  claims: TokenClaims
  lifeMs: number
  /** Greater than zero. */
  lifeLeftMs: number
}

/**
 * The token's age is counted by the clock that stamped the file and not by its `exp`, which is the signer's clock:
 * a node whose clock is wrong judges its own files rightly.
 * @param now Unix milliseconds
 * @returns undefined for no file, no token, another audience's, or a dead one
 */
export function judgeFound(file: FoundFile | undefined, audience: string, now: number): Found | undefined {
  const claims = file === undefined ? undefined : readClaims(file.text)
  if (file === undefined || claims === undefined || claims.audience !== audience) return undefined
  const lifeMs = (claims.expiresAt - claims.issuedAt) * 1000
  const lifeLeftMs = Math.min(file.writtenAt, now) + lifeMs - now
  return lifeLeftMs > 0 ? { claims, lifeMs, lifeLeftMs } : undefined
}

/** Token statuses for tests. */
import type { TokenStatus } from '../../src/keeper/loop.ts'

export function status(change: Partial<TokenStatus> = {}): TokenStatus {
  return {
    name: 'default',
    isThere: true,
    expiresAt: 1_800_003_600,
    lifeLeftMs: 3_600_000,
    lifeMs: 3_600_000,
    issuedAt: 1_800_000_000,
    failure: undefined,
    ...change,
  }
}

export const absent: Partial<TokenStatus> = {
  isThere: false,
  expiresAt: undefined,
  issuedAt: undefined,
  lifeMs: 0,
  lifeLeftMs: 0,
}
export const unreachable = { failed: 'signer-unreachable', message: 'signer: refused', refused: false } as const
export const refused = { failed: 'signer-refused', message: 'signer refused: no policy', refused: true } as const

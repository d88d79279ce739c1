/** Says which tokens a program cannot rely on, now or ever. Pure. */
import type { Report, TokenStatus } from '../keeper/loop.ts'

/** By then half a dozen renewals have failed, and there is still time for a person. */
const LEAST_SHARE_OF_LIFE = 0.1

/** Why the sidecar is not ready, naming every token at fault, or undefined when it is. */
export function unready(tokens: readonly TokenStatus[]): string | undefined {
  const problems = tokens.flatMap((token) => problemOf(token) ?? [])
  return problems.length === 0 ? undefined : problems.join('\n')
}

/** The names of tokens that no reader has ever found. */
export function missing(tokens: readonly TokenStatus[]): string[] {
  return tokens.filter((token) => !token.isThere).map((token) => token.name)
}

/** The sentence with which a start that waits has to end: the signer said no, and no reader has found this token yet. */
export function finalRefusal(report: Report): string | undefined {
  if (report.kind !== 'failed' || !report.failure.refused || report.file !== 'absent') return undefined
  return `token ${report.token}: ${report.failure.message}`
}

function problemOf(token: TokenStatus): string | undefined {
  const why = token.failure === undefined ? '' : `: ${token.failure.message}`
  if (!token.isThere) return `token ${token.name} is not there yet${why}`
  if (token.lifeLeftMs <= 0) return `token ${token.name} has expired${why}`
  if (token.lifeLeftMs < token.lifeMs * LEAST_SHARE_OF_LIFE) return `token ${token.name} is about to expire${why}`
  return undefined
}

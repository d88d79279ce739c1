/** Checks a signed token before it leaves: exactly what was granted, and no larger than relying parties take. Pure. */
import { type Refusal, refuse } from '../errors.ts'
import type { TokenClaims } from './grant.ts'

/** What a token says once its signature is verified. */
export interface Output {
  token: string
  header: Record<string, unknown>
  payload: string
}

/** What it should say. */
export interface Intent {
  alg: string
  kid: string
  claims: TokenClaims
  maxTokenBytes: number
}

/** So many claims are named when a token is too large. */
const NAMED_CLAIMS = 3

/** @returns a refusal for a token that is too large; a sentence for one that we signed wrongly; undefined for a good one */
export function outputProblem(output: Output, intent: Intent): Refusal | string | undefined {
  const { alg, kid, claims, maxTokenBytes } = intent
  if (JSON.stringify(sorted(output.header)) !== JSON.stringify({ alg, kid, typ: 'JWT' })) {
    return 'the header of the signed token is not alg, kid and typ'
  }
  if (output.payload !== JSON.stringify(claims)) return 'the claims of the signed token are not those granted'
  return output.token.length > maxTokenBytes ? tooLarge(output.token.length, maxTokenBytes, claims) : undefined
}

function sorted(header: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(header).sort(([one], [other]) => (one < other ? -1 : 1)))
}

function tooLarge(bytes: number, maximum: number, claims: TokenClaims): Refusal {
  const sizes = Object.entries(claims).map(([name, value]) => ({ name, bytes: JSON.stringify(value).length }))
  const largest = sizes.sort((one, other) => other.bytes - one.bytes).slice(0, NAMED_CLAIMS)
  const named = largest.map(({ name, bytes }) => `${name} (${bytes} bytes)`).join(', ')
  return refuse(
    'token-too-large',
    `the token has ${bytes} bytes and its issuer allows ${maximum}; the largest claims are ${named}; choose a smaller claims profile in the AudiencePolicy, or raise maxTokenBytes in signer.yaml`,
  )
}

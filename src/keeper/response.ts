/** Judges the signer's answer before anything of it is written: a whole token for the asked audience, or why not. Pure. */
import { GENERATION_HEADER, JWT_TOKEN_TYPE } from '../contract.ts'
import { readClaims } from './jwt.ts'
import { type Failure, failure, type Outcome } from './outcome.ts'

export interface Answer {
  status: number
  /** Lower-case names. */
  headers: Readonly<Record<string, string | string[] | undefined>>
  body: string
}

/** The signer rounds `exp`, and between it and us lies one request: more than this apart, one of the two is wrong. */
const LIFE_TOLERANCE_SECONDS = 60
/** A description becomes a log line and the kubelet's termination message, which holds 2048 bytes. */
const DESCRIPTION_LENGTH = 1000
/** A 400 of RFC 6749 section 5.2, and what an authenticating proxy in the signer's place would say in its words. */
const REFUSING = [400, 401, 403]
/** RFC 6749's words for "later", whatever their status. */
const PASSING = ['temporarily_unavailable', 'server_error']

/**
 * What `answer` to a request for `audience` comes to.
 * A refusal is a 400, 401 or 403 that says so as RFC 6749 section 5.2 does; the same status without that body comes from
 * something that is not the signer and may pass. 429 and 503 are obeyed, and everything else is worth another attempt.
 */
export function judgeAnswer(signerUrl: string, audience: string, answer: Answer): Outcome {
  if (answer.status === 200) return judgeToken(signerUrl, audience, answer)
  const said = readError(answer.body)
  if (said !== undefined && REFUSING.includes(answer.status) && !PASSING.includes(said.error)) {
    return { failed: 'signer-refused', message: `signer ${signerUrl} refused: ${describe(said)}`, refused: true }
  }
  if (answer.status === 429 || answer.status >= 500) return unavailable(signerUrl, answer, said)
  return unusable(signerUrl, statusProblem(answer.status))
}

function judgeToken(signerUrl: string, audience: string, answer: Answer): Outcome {
  const body = parseObject(answer.body)
  if (body === undefined) return unusable(signerUrl, 'its answer is not a JSON object')
  const { access_token: token, expires_in: expiresInSeconds, issued_token_type: type } = body
  if (type !== JWT_TOKEN_TYPE) return unusable(signerUrl, `issued_token_type is not ${JWT_TOKEN_TYPE}`)
  const claims = typeof token === 'string' ? readClaims(token) : undefined
  if (typeof token !== 'string' || claims === undefined) {
    return unusable(signerUrl, 'access_token is not a compact JWT of at most 16 KiB with one aud, iat and exp')
  }
  if (claims.audience !== audience)
    return unusable(signerUrl, `the token's aud is not the audience asked for, ${audience}`)
  if (!isLife(expiresInSeconds)) return unusable(signerUrl, 'expires_in is not a positive whole number')
  const apart = Math.abs(claims.expiresAt - claims.issuedAt - expiresInSeconds)
  if (apart > LIFE_TOLERANCE_SECONDS) return unusable(signerUrl, "expires_in contradicts the token's iat and exp")
  const generation = generationOf(answer)
  return { token, jti: claims.id, expiresAt: claims.expiresAt, expiresInSeconds, generation }
}

function unavailable(signerUrl: string, answer: Answer, said: Said | undefined): Failure {
  const text = said === undefined ? '' : `: ${describe(said)}`
  const result = failure('signer-unavailable', `signer ${signerUrl} cannot serve now (status ${answer.status})${text}`)
  const seconds = headerOf(answer, 'retry-after')
  // An HTTP date (RFC 9110 section 10.2.3) would need the two clocks to agree; ours is not to be trusted that far.
  return seconds !== undefined && /^\d{1,9}$/.test(seconds)
    ? { ...result, retryAfterMs: Number(seconds) * 1000 }
    : result
}

function unusable(signerUrl: string, problem: string): Failure {
  return failure('signer-answer-unusable', `signer ${signerUrl}: ${problem}`)
}

function statusProblem(status: number): string {
  if (status >= 300 && status < 400) {
    return `it answers with a redirect (status ${status}), which is not followed: give the signer's own URL`
  }
  return `it answers as no signer does (status ${status}): is this the signer's URL?`
}

interface Said {
  error: string
  description: string | undefined
}

function readError(text: string): Said | undefined {
  const body = parseObject(text)
  if (typeof body?.error !== 'string' || !/^\w{1,64}$/.test(body.error)) return undefined
  const description = typeof body.error_description === 'string' ? printable(body.error_description) : undefined
  return { error: body.error, description }
}

function describe(said: Said): string {
  return said.description === undefined ? said.error : `${said.error}: ${said.description}`
}

/** Foreign text on its way into our log: one line, bounded. */
function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, DESCRIPTION_LENGTH)
}

function generationOf(answer: Answer): number | undefined {
  const text = headerOf(answer, GENERATION_HEADER)
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

function headerOf(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name]
  return Array.isArray(value) ? value[0] : value
}

function isLife(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

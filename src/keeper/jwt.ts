/** Reads what a token says of itself, without judging its signature: that is the relying party's part. Pure. */

/** Larger than any token that a relying party takes, small enough to hold sixteen of them at a time. */
export const TOKEN_BYTES = 16_384

/** What the keeper reads from a token; times are Unix seconds. */
export interface TokenClaims {
  audience: string
  issuedAt: number
  expiresAt: number
  /** `jti`, when it is fit for a log line. */
  id: string | undefined
}

const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/
const LOGGABLE = /^[\w.:/+=-]{1,128}$/
const BASE64URL = { alphabet: 'base64url' } as const

/** Whether `text` has the form of RFC 7515 section 3.1, whole and nothing else: no newline, no blank, no byte beyond ASCII. */
export function isCompactJwt(text: string): boolean {
  return text.length <= TOKEN_BYTES && COMPACT.test(text)
}

/** The claims of a compact JWT with one audience, or undefined when it is not one. */
export function readClaims(text: string): TokenClaims | undefined {
  if (!isCompactJwt(text)) return undefined
  const [header, payload] = text.split('.').slice(0, 2).map(decodePart)
  if (header === undefined || payload === undefined) return undefined
  const { aud, iat, exp, jti } = payload
  if (typeof aud !== 'string' || !isTime(iat) || !isTime(exp) || exp <= iat) return undefined
  return {
    audience: aud,
    issuedAt: iat,
    expiresAt: exp,
    id: typeof jti === 'string' && LOGGABLE.test(jti) ? jti : undefined,
  }
}

function decodePart(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(part, BASE64URL)))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

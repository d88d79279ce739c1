/** Looks into a subject token before its signature is checked: who claims to have issued it, and with which key. Pure. */
import { type Refusal, refuse } from '../../errors.ts'

/** What an unverified token says of itself; good for choosing a key and for nothing else. */
export interface Unverified {
  kid: string
  issuer: string
}

const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/

export function peek(token: string): Unverified | Refusal {
  if (!COMPACT.test(token)) return malformed('is not three base64url parts with dots between')
  const [header, payload] = token.split('.', 2).map(decode)
  if (header === undefined || payload === undefined) return malformed('does not hold JSON objects')
  if (typeof header['kid'] !== 'string') return malformed('has no kid in its header')
  if (typeof payload['iss'] !== 'string') return malformed('has no iss')
  return { kid: header['kid'], issuer: payload['iss'] }
}

/** The JSON object in a base64url part, or undefined. */
function decode(part: string): Record<string, unknown> | undefined {
  try {
    const bytes = Uint8Array.fromBase64(part, { alphabet: 'base64url' })
    return asObject(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))
  } catch {
    return undefined
  }
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}

function malformed(what: string): Refusal {
  return refuse(
    'subject-token-malformed',
    `the subject token ${what}; send the content of a projected service account token`,
  )
}

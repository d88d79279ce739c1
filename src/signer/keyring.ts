/** Reads a private JWK Set as the keys of one issuer: which of them signs, and what the world may know of all. Pure. */
import { z } from 'zod'
import type { SigningAlgorithm } from './config-file.ts'

/** The active key signs; a standby key is published long before it does. */
export type KeyState = 'active' | 'standby'

/** A private key with its life. */
export type StoredKey = z.output<typeof storedKey>

export interface Keyring {
  /** Grows when keys are tainted; sidecars that see it grow renew every token. */
  generation: number
  keys: readonly StoredKey[]
}

/** What is published of a key, RFC 7517 section 4. */
export type PublicKey =
  | { kty: 'RSA'; kid: string; alg: 'RS256'; use: 'sig'; n: string; e: string }
  | { kty: 'EC'; kid: string; alg: 'ES256'; use: 'sig'; crv: 'P-256'; x: string; y: string }

/** 2048 bits in base64url without padding. */
const RSA_MODULUS_CHARACTERS = 342

const number = z.string().regex(/^[A-Za-z0-9_-]+$/, 'must be base64url')
const life = {
  kid: z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be an RFC 7638 thumbprint'),
  use: z.literal('sig', 'must be sig'),
  state: z.enum(['active', 'standby'], 'must be active or standby'),
  createdAt: z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time' }),
}
const rsa = z.object({
  kty: z.literal('RSA'),
  alg: z.literal('RS256', 'must be RS256'),
  n: number.min(RSA_MODULUS_CHARACTERS, 'must have at least 2048 bits'),
  e: number,
  d: number,
  p: number,
  q: number,
  dp: number,
  dq: number,
  qi: number,
  ...life,
})
const ec = z.object({
  kty: z.literal('EC'),
  alg: z.literal('ES256', 'must be ES256'),
  crv: z.literal('P-256', 'must be P-256'),
  x: number,
  y: number,
  d: number,
  ...life,
})
const storedKey = z.discriminatedUnion('kty', [rsa, ec], 'must be a private RSA or EC key')
const document = z.object({
  generation: z.int('must be a whole number').min(1, 'must be 1 or more'),
  keys: z.array(storedKey).max(10, 'must hold at most ten keys, as many as relying parties take'),
})

/**
 * @param text the content of a key store
 * @param alg what the issuer signs with
 * @returns the keyring, or every problem as a sentence that never holds anything of the content
 */
export function parseKeyring(text: string, alg: SigningAlgorithm): Keyring | { problems: string[] } {
  const parsed = parseJson(text)
  if (parsed === undefined) return { problems: ['it is not JSON'] }
  const result = document.safeParse(parsed.value)
  if (!result.success) return { problems: result.error.issues.map(describe) }
  const problems = contradictions(result.data, alg)
  return problems.length > 0 ? { problems } : result.data
}

/** The one key that signs. */
export function signingKey(keyring: Keyring): StoredKey {
  const key = keyring.keys.find(({ state }) => state === 'active')
  if (key === undefined) throw new TypeError('a keyring has an active key')
  return key
}

/** Every key, the active one first, member by member so that a private one cannot slip through. */
export function publicKeys(keyring: Keyring): PublicKey[] {
  const active = signingKey(keyring)
  return [active, ...keyring.keys.filter((key) => key !== active)].map(publicKey)
}

function publicKey(key: StoredKey): PublicKey {
  const { kid } = key
  return key.kty === 'RSA'
    ? { kty: 'RSA', kid, alg: 'RS256', use: 'sig', n: key.n, e: key.e }
    : { kty: 'EC', kid, alg: 'ES256', use: 'sig', crv: 'P-256', x: key.x, y: key.y }
}

function contradictions({ keys }: Keyring, alg: SigningAlgorithm): string[] {
  const kids = keys.map(({ kid }) => kid)
  const active = keys.filter(({ state }) => state === 'active').length
  const foreign = keys.filter((key) => key.alg !== alg).length
  return [
    ...(active === 1 ? [] : [`it has ${active} active keys and must have exactly one`]),
    ...(active < keys.length ? [] : ['it has no standby key and must have at least one']),
    ...(new Set(kids).size === kids.length ? [] : ['two of its keys have the same kid']),
    ...(foreign === 0 ? [] : [`its issuer signs with ${alg} and ${foreign} of its keys are for another algorithm`]),
  ]
}

function parseJson(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    // The parser's message quotes the text.
    return undefined
  }
}

/** The path and what would be right; a message of the schema's own never shows a value. */
function describe(issue: z.core.$ZodIssue): string {
  const path = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
  const what = issue.code === 'invalid_type' ? `must be a ${issue.expected}` : issue.message
  return `${path.replace(/^\./, '') || 'the document'} ${what}`
}

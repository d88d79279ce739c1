/** Reads the public keys that a cluster publishes and fixes the one algorithm that each of them is for. Pure. */

export type CallerAlgorithm = 'RS256' | 'ES256' | 'ES384' | 'ES512'

/** A public key and the algorithm that it verifies, whatever a token's header says. */
export interface ClusterKey {
  alg: CallerAlgorithm
  jwk: PublicJwk
}

export interface PublicJwk {
  readonly kid: string
  readonly alg: CallerAlgorithm
  readonly [member: string]: string
}

/** 2048 bits in base64url without padding, RFC 7518 section 3.3. */
const RSA_MODULUS_CHARACTERS = 342
const CURVES: Readonly<Record<string, CallerAlgorithm>> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' }

/**
 * The keys of a JWK Set by their `kid`. Keys of other kinds, for other uses or too short are left out.
 * @returns undefined when the text is not a JWK Set with at least one key that can verify a service account token
 */
export function parseJwkSet(text: string): ReadonlyMap<string, ClusterKey> | undefined {
  const keys = new Map<string, ClusterKey>()
  for (const jwk of listOf(text)) {
    const key = clusterKey(jwk)
    if (key !== undefined && !keys.has(key.jwk.kid)) keys.set(key.jwk.kid, key)
  }
  return keys.size > 0 ? keys : undefined
}

function listOf(text: string): unknown[] {
  try {
    const document = JSON.parse(text) as { keys?: unknown } | null
    return Array.isArray(document?.keys) ? document.keys : []
  } catch {
    return []
  }
}

function clusterKey(value: unknown): ClusterKey | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { kid, use, alg: declared, ...jwk } = value as Record<string, unknown>
  if (typeof kid !== 'string' || (use !== undefined && use !== 'sig')) return undefined
  const alg = algorithmOf(jwk)
  if (alg === undefined || (declared !== undefined && declared !== alg)) return undefined
  return { alg, jwk: publicPart(kid, alg, jwk) }
}

function algorithmOf(jwk: Record<string, unknown>): CallerAlgorithm | undefined {
  if (jwk['kty'] === 'RSA') return isLongEnough(jwk['n']) ? 'RS256' : undefined
  return jwk['kty'] === 'EC' && typeof jwk['crv'] === 'string' ? CURVES[jwk['crv']] : undefined
}

function isLongEnough(modulus: unknown): boolean {
  return typeof modulus === 'string' && modulus.length >= RSA_MODULUS_CHARACTERS
}

/** Only what verifies: a private member in somebody's file stays out of our memory. */
function publicPart(kid: string, alg: CallerAlgorithm, jwk: Record<string, unknown>): PublicJwk {
  const members = ['kty', 'n', 'e', 'crv', 'x', 'y'].flatMap((name) => {
    const value = jwk[name]
    return typeof value === 'string' ? [[name, value]] : []
  })
  return { ...Object.fromEntries(members), kid, alg }
}

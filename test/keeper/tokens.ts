/** Signs tokens as a signer would, for tests that need real ones. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

const pair = generateKeyPairSync('ed25519')
export const publicKey: KeyObject = pair.publicKey

export interface TokenOptions {
  audience?: unknown
  /** Unix seconds. */
  issuedAt?: unknown
  lifeSeconds?: number
  jti?: unknown
  /** Further claims, to make the token as long as one likes. */
  extra?: Record<string, unknown>
  key?: KeyObject
}

/** A compact JWT, EdDSA. */
export function makeToken(options: TokenOptions = {}): string {
  const { audience = 'vault', issuedAt = 1_800_000_000, lifeSeconds = 3600, jti = 'jti-1', extra } = options
  const exp = Number(issuedAt) + lifeSeconds
  const payload = { iss: 'https://issuer.token-projector.test', aud: audience, iat: issuedAt, exp, jti, ...extra }
  return compact({ alg: 'EdDSA', kid: 'k', typ: 'JWT' }, payload, options.key ?? pair.privateKey)
}

export function compact(header: unknown, payload: unknown, key: KeyObject = pair.privateKey): string {
  const input = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`
}

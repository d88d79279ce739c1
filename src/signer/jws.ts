/** The door to JOSE: makes our keys, signs with them, and checks signatures of others and our own. */
import {
  calculateJwkThumbprint,
  compactVerify,
  errors,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  SignJWT,
} from 'jose'
import type { SigningAlgorithm } from './config-file.ts'
import { type Keyring, type PublicKey, publicKeys, type StoredKey, signingKey } from './keyring.ts'

/** Header and payload of a token whose signature is good, as they were signed. */
export interface Verified {
  header: Record<string, unknown>
  payload: string
}

/** Signs with a keyring's active key, off the main thread. */
export interface TokenSigner {
  kid: string
  alg: SigningAlgorithm
  sign(claims: Record<string, unknown>): Promise<string>
  /** Checks by the key as it is published. @returns undefined when the signature is not that key's */
  verify(token: string): Promise<Verified | undefined>
}

/** A private JWK with its thumbprint as `kid`; the members are the key's alone. */
export async function createPrivateJwk(alg: SigningAlgorithm): Promise<Record<string, unknown>> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 })
  const jwk = await exportJWK(privateKey)
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg, use: 'sig' }
}

/**
 * Why a stored key cannot be used, as the end of a sentence, or undefined: its name must be its thumbprint, and its
 * two halves must fit, or the first that finds out would be a relying party.
 */
export async function keyProblem(key: StoredKey): Promise<string | undefined> {
  const [half] = publicKeys({ generation: 1, keys: [{ ...key, state: 'active' }] })
  if (half === undefined || (await calculateJwkThumbprint(half)) !== key.kid)
    return 'has a kid that is not its thumbprint'
  const fits = await signsFor(key, half)
  return fits ? undefined : 'has private and public members that do not belong together'
}

async function signsFor(key: StoredKey, half: PublicKey): Promise<boolean> {
  try {
    const signer = await bind(key, half)
    return (await signer.verify(await signer.sign({}))) !== undefined
  } catch {
    // The message of a failed import could quote the key.
    return false
  }
}

export async function createTokenSigner(keyring: Keyring): Promise<TokenSigner> {
  const key = signingKey(keyring)
  const published = publicKeys(keyring).find(({ kid }) => kid === key.kid)
  if (published === undefined) throw new TypeError('the active key is published')
  return bind(key, published)
}

async function bind(key: StoredKey, published: PublicKey): Promise<TokenSigner> {
  const { kid, alg } = key
  const privateKey = await importJWK(key, alg)
  return {
    kid,
    alg,
    sign: (claims) => new SignJWT(claims).setProtectedHeader({ alg, kid, typ: 'JWT' }).sign(privateKey),
    verify: (token) => verifyCompact(token, published, alg),
  }
}

/**
 * Checks a compact JWS by one key and the one algorithm that the key is for; the token's header decides nothing.
 * @returns undefined when the signature is not that key's, whatever is wrong with it
 */
export async function verifyCompact(token: string, jwk: Readonly<JWK>, alg: string): Promise<Verified | undefined> {
  try {
    const { protectedHeader, payload } = await compactVerify(token, jwk, { algorithms: [alg] })
    return { header: { ...protectedHeader }, payload: new TextDecoder().decode(payload) }
  } catch (error) {
    // A published key may be no key at all: a point off its curve, a missing coordinate.
    if (error instanceof errors.JOSEError || (error as Error).name === 'DataError') return undefined
    throw error
  }
}

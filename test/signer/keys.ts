/** Key sets for tests: good ones of either algorithm, made once for a test file. */
import { createPrivateJwk } from '../../src/signer/jws.ts'
import { type Keyring, parseKeyring } from '../../src/signer/keyring.ts'

/** A JWK Set as a key store holds it: one active and one standby key. */
export async function storedSet(
  alg: 'RS256' | 'ES256',
): Promise<{ generation: number; keys: Record<string, unknown>[] }> {
  const createdAt = '2030-01-01T00:00:00.000Z'
  const [active, standby] = await Promise.all([createPrivateJwk(alg), createPrivateJwk(alg)])
  return {
    generation: 1,
    keys: [
      { ...active, state: 'active', createdAt },
      { ...standby, state: 'standby', createdAt },
    ],
  }
}

export async function testKeyring(alg: 'RS256' | 'ES256' = 'ES256'): Promise<Keyring> {
  const keyring = parseKeyring(JSON.stringify(await storedSet(alg)), alg)
  if ('problems' in keyring) throw new Error(keyring.problems.join('; '))
  return keyring
}

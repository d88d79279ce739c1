/** Our own keys: made, bound, signing, checked. */
import { decodeProtectedHeader } from 'jose'
import { expect, test } from 'vitest'
import { createPrivateJwk, createTokenSigner, keyProblem, verifyCompact } from '../../src/signer/jws.ts'
import { publicKeys, type StoredKey } from '../../src/signer/keyring.ts'
import { testKeyring } from './keys.ts'

const keyring = await testKeyring()
const [active, standby] = keyring.keys as [StoredKey, StoredKey]

test.each(['RS256', 'ES256'] as const)('a token of %s has exactly three header members and verifies', async (alg) => {
  const signer = await createTokenSigner(await testKeyring(alg))
  const token = await signer.sign({ a: 1 })
  expect(Object.keys(decodeProtectedHeader(token)).sort()).toEqual(['alg', 'kid', 'typ'])
  expect(await signer.verify(token)).toEqual({ header: { alg, kid: signer.kid, typ: 'JWT' }, payload: '{"a":1}' })
})

test('a token of another key, or a changed one, does not verify', async () => {
  const signer = await createTokenSigner(keyring)
  const token = await signer.sign({ a: 1 })
  const [header, , signature] = token.split('.')
  const payload = Buffer.from('{"a":2}').toString('base64url')
  expect(await signer.verify(`${header}.${payload}.${signature}`)).toBeUndefined()
  expect(await signer.verify('garbage')).toBeUndefined()
  const other = publicKeys(keyring)[1]
  expect(await verifyCompact(token, { ...other }, 'ES256')).toBeUndefined()
})

test('an RSA key of ours has 2048 bits', async () => {
  const { n } = await createPrivateJwk('RS256')
  expect(Buffer.from(String(n), 'base64url')).toHaveLength(256)
})

test('a whole key has no problem', async () => {
  expect(await Promise.all(keyring.keys.map(keyProblem))).toEqual([undefined, undefined])
})

test('a kid that belongs to another key is a problem', async () => {
  expect(await keyProblem({ ...active, kid: standby.kid })).toBe('has a kid that is not its thumbprint')
})

test('a private member of another key is a problem', async () => {
  const mixed = { ...active, d: standby.d }
  expect(await keyProblem(mixed)).toBe('has private and public members that do not belong together')
})

test('a private member that is no number of the curve is a problem, not a crash', async () => {
  const broken = { ...active, d: 'AA' }
  expect(await keyProblem(broken)).toBe('has private and public members that do not belong together')
})

/** Which keys of a cluster verify its tokens, and by which algorithm. */
import { expect, test } from 'vitest'
import { parseJwkSet } from '../../../src/signer/caller/jwk-set.ts'

const MODULUS = 'n'.repeat(342)
const RSA = { kty: 'RSA', kid: 'rsa', use: 'sig', alg: 'RS256', n: MODULUS, e: 'AQAB' }
const ec = (crv: string, kid = 'ec') => ({ kty: 'EC', kid, use: 'sig', crv, x: 'x', y: 'y' })
const parse = (...keys: unknown[]) => parseJwkSet(JSON.stringify({ keys }))

test.each([
  ['RSA', RSA, 'RS256'],
  ['RSA without alg and use', { ...RSA, alg: undefined, use: undefined }, 'RS256'],
  ['P-256', ec('P-256'), 'ES256'],
  ['P-384', ec('P-384'), 'ES384'],
  ['P-521', ec('P-521'), 'ES512'],
])('the kind of a key fixes its algorithm: %s', (_name, jwk, alg) => {
  const [key] = [...(parse(jwk)?.values() ?? [])]
  expect(key).toMatchObject({ alg, jwk: { alg, kty: jwk.kty } })
})

test('a private member in a public file is not taken', () => {
  expect(Object.keys(parse({ ...RSA, d: 'secret', k: 'secret' })?.get('rsa')?.jwk ?? {}).sort()).toEqual([
    'alg',
    'e',
    'kid',
    'kty',
    'n',
  ])
})

test('of two keys with one kid the first counts, unusable ones are left out', () => {
  const keys = parse({ kty: 'oct', kid: 'rsa', k: 'x' }, RSA, { ...ec('P-256', 'rsa') }, 7, null)
  expect([...(keys ?? [])].map(([kid, { alg }]) => [kid, alg])).toEqual([['rsa', 'RS256']])
})

test.each([
  ['a shared secret', { kty: 'oct', kid: 'k', k: 'x', alg: 'HS256' }],
  ['an RSA key for PS256', { ...RSA, alg: 'PS256' }],
  ['a P-256 key that says RS256', { ...ec('P-256'), alg: 'RS256' }],
  ['an encryption key', { ...RSA, use: 'enc' }],
  ['a 1024 bit key', { ...RSA, n: 'n'.repeat(171) }],
  ['a curve for coins', ec('secp256k1')],
  ['Ed25519', { kty: 'OKP', kid: 'k', crv: 'Ed25519', x: 'x' }],
  ['a key without kid', { ...RSA, kid: undefined }],
])('%s verifies nothing', (_name, jwk) => {
  expect(parse(jwk)).toBeUndefined()
})

test.each(['', 'null', '[]', '{}', '{"keys":{}}', '{"keys":[]}', '<html>'])('%j is no key set', (text) => {
  expect(parseJwkSet(text)).toBeUndefined()
})

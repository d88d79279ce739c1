/** What the signer tells the world of itself. */
import { expect, test } from 'vitest'
import { claimsOf } from '../../src/policy/claims.ts'
import { publicDocuments } from '../../src/signer/discovery.ts'
import { testKeyring } from './keys.ts'

const keyring = await testKeyring()
const documents = (url: string) => publicDocuments({ url, alg: 'ES256' }, () => keyring)

test.each([
  ['https://issuer.example', ''],
  ['https://issuer.example/acme/prod', '/acme/prod'],
])('the documents of %s lie below its own path', (url, base) => {
  expect(documents(url).map(({ path }) => path)).toEqual([
    `${base}/.well-known/openid-configuration`,
    `${base}/.well-known/jwks.json`,
  ])
})

test('discovery has the six fields that AWS demands and every claim that a token can carry', () => {
  const [discovery] = documents('https://issuer.example/acme')
  const facts = {
    cluster: 'c',
    namespace: 'n',
    serviceAccount: { name: 's', uid: 'u' },
    pod: { name: 'p', uid: 'u' },
    node: { name: 'n', uid: 'u' },
    expiresAt: 1,
  }
  const registered = ['iss', 'sub', 'aud', 'iat', 'nbf', 'exp', 'jti']
  expect(discovery?.contentType).toBe('application/json')
  expect(JSON.parse(discovery?.body() ?? '')).toEqual({
    issuer: 'https://issuer.example/acme',
    jwks_uri: 'https://issuer.example/acme/.well-known/jwks.json',
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    claims_supported: [...registered, ...Object.keys(claimsOf('full', 'o', facts))],
  })
})

test('the key set holds the active key and the standby key, public members only', () => {
  const [, jwks] = documents('https://issuer.example')
  expect(jwks?.contentType).toBe('application/jwk-set+json')
  const { keys } = JSON.parse(jwks?.body() ?? '')
  expect(keys.map(({ kid }: { kid: string }) => kid)).toEqual(keyring.keys.map(({ kid }) => kid))
  for (const key of keys) {
    expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
  }
})

test('without keys yet there is a discovery document and no key set', () => {
  const [discovery, jwks] = publicDocuments({ url: 'https://issuer.example', alg: 'ES256' }, () => undefined)
  expect([typeof discovery?.body(), jwks?.body()]).toEqual(['string', undefined])
})

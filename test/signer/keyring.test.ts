/** What a private JWK Set must be to sign for an issuer. */
import { expect, test } from 'vitest'
import { parseKeyring, publicKeys, signingKey } from '../../src/signer/keyring.ts'
import { storedSet } from './keys.ts'

const rsa = await storedSet('RS256')
const ec = await storedSet('ES256')
type Stored = typeof ec

/** `ec` with members of its first key replaced. */
const withFirst = (change: object): Stored => ({ ...ec, keys: [{ ...ec.keys[0], ...change }, ...ec.keys.slice(1)] })
const problemsOf = (document: unknown, alg: 'RS256' | 'ES256' = 'ES256') => {
  const result = parseKeyring(typeof document === 'string' ? document : JSON.stringify(document), alg)
  return 'problems' in result ? result.problems : []
}

test.each([
  ['RS256', rsa],
  ['ES256', ec],
] as const)(
  'a set for %s is read, signs with its active key and publishes both without a private member',
  (alg, set) => {
    const keyring = parseKeyring(JSON.stringify({ ...set, keys: set.keys.toReversed() }), alg)
    if ('problems' in keyring) throw new Error(keyring.problems.join())
    expect(keyring.generation).toBe(1)
    expect(signingKey(keyring).kid).toBe(set.keys[0]?.['kid'])
    const published = publicKeys(keyring)
    expect(published.map(({ kid }) => kid)).toEqual(set.keys.map(({ kid }) => kid))
    const members =
      alg === 'RS256' ? ['alg', 'e', 'kid', 'kty', 'n', 'use'] : ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']
    for (const key of published) {
      expect(Object.keys(key).sort()).toEqual(members)
      expect(key).toMatchObject({ alg, use: 'sig' })
    }
  },
)

test.each([
  ['text', 'secret', 'it is not JSON'],
  ['an empty file', '', 'it is not JSON'],
  ['null', null, 'the document must be'],
  ['no generation', { keys: ec.keys }, 'generation must be'],
  ['generation 0', { ...ec, generation: 0 }, 'generation must be 1 or more'],
  ['no keys', { generation: 1, keys: [] }, 'it has 0 active keys'],
  ['eleven keys', { generation: 1, keys: Array(11).fill(ec.keys[0]) }, 'at most ten keys'],
  ['two active keys', { ...ec, keys: ec.keys.map((key) => ({ ...key, state: 'active' })) }, 'it has 2 active keys'],
  ['no active key', { ...ec, keys: ec.keys.map((key) => ({ ...key, state: 'standby' })) }, 'it has 0 active keys'],
  ['no standby key', { ...ec, keys: ec.keys.slice(0, 1) }, 'it has no standby key'],
  ['a key twice', { ...ec, keys: [ec.keys[0], { ...ec.keys[0], state: 'standby' }] }, 'the same kid'],
  ['an unknown state', withFirst({ state: 'retired' }), 'keys[0].state must be active or standby'],
  ['no birth', withFirst({ createdAt: undefined }), 'keys[0].createdAt must be'],
  ['a birth without zone', withFirst({ createdAt: '2030-01-01T00:00:00' }), 'keys[0].createdAt must be an RFC 3339'],
  ['a public key', withFirst({ d: undefined }), 'keys[0].d must be a string'],
  ['a shared secret', withFirst({ kty: 'oct', k: 'secret' }), 'keys[0].kty must be a private RSA or EC key'],
  ['another curve', withFirst({ crv: 'P-384' }), 'keys[0].crv must be P-256'],
  ['another algorithm', withFirst({ alg: 'ES384' }), 'keys[0].alg must be ES256'],
  ['an encryption key', withFirst({ use: 'enc' }), 'keys[0].use must be sig'],
  ['a kid that is a path', withFirst({ kid: '../x' }), 'keys[0].kid must be an RFC 7638 thumbprint'],
])('%s is refused', (_name, document, problem) => {
  expect(problemsOf(document).join('; ')).toContain(problem)
})

test('a short RSA key is refused', () => {
  const [first, ...rest] = rsa.keys
  const short = { ...rsa, keys: [{ ...first, n: String(first?.['n']).slice(0, 171) }, ...rest] }
  expect(problemsOf(short, 'RS256')).toEqual(['keys[0].n must have at least 2048 bits'])
})

test('keys for another algorithm than the issuer signs with are refused', () => {
  expect(problemsOf(ec, 'RS256')).toEqual(['its issuer signs with RS256 and 2 of its keys are for another algorithm'])
})

test('no problem shows anything of the content', () => {
  const canary = 'CANARYCANARYCANARY'
  const texts = [
    canary,
    `{"keys":["${canary}`,
    JSON.stringify({ generation: canary, keys: canary }),
    JSON.stringify(withFirst({ d: [canary], kid: canary, alg: canary, state: canary, use: canary, createdAt: canary })),
    JSON.stringify(withFirst({ kty: canary })),
    JSON.stringify(withFirst({ d: `${canary} +/` })),
  ]
  for (const text of texts) {
    expect(problemsOf(text).length).toBeGreaterThan(0)
    expect(problemsOf(text).join()).not.toContain('CANARY')
  }
})

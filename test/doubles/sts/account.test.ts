/** The STS double lets one register what IAM lets one register. */
import { expect, test } from 'vitest'
import { accountProblems, parseRoleArn } from './account.ts'

const ISSUER = 'https://issuer.token-projector.test'
const provider = (issuer: string, clientIds: string[] = ['sts.amazonaws.com']) => ({ issuer, clientIds })

test.each([
  ['a host', ISSUER],
  ['a host and a path', `${ISSUER}/acme`],
  ['255 characters', `${ISSUER}/${'a'.repeat(255 - ISSUER.length - 1)}`],
])('an issuer may be %s', (_name, issuer) => {
  expect(accountProblems([provider(issuer)], [])).toEqual([])
})

test.each([
  ['starts with http', 'http://issuer.example', 'https://'],
  ['starts with HTTPS in capitals', 'HTTPS://issuer.example', 'https://'],
  ['is no URL', 'issuer.example', 'https://'],
  ['names a port', 'https://issuer.example:8444', 'port'],
  ['names the port that is the default anyway', 'https://issuer.example:443/acme', 'port'],
  ['has a query', 'https://issuer.example/?a=b', 'query'],
  ['has a fragment', 'https://issuer.example/#a', 'fragment'],
  ['has 256 characters', `${ISSUER}/${'a'.repeat(255 - ISSUER.length)}`, '255 characters'],
])('an issuer that %s is not registered', (_name, issuer, word) => {
  expect(accountProblems([provider(issuer)], [])).toEqual([expect.stringContaining(word)])
})

test.each([
  ['no client id', []],
  ['101 client ids', Array.from({ length: 101 }, (_, index) => `client-${index}`)],
  ['an empty client id', ['']],
  ['a client id of 256 characters', ['a'.repeat(256)]],
])('a provider with %s is not registered', (_name, clientIds) => {
  expect(accountProblems([provider(ISSUER, clientIds)], [])).toEqual([expect.stringContaining('client id')])
})

test('a role that trusts an unregistered issuer is not registered', () => {
  const trust = { issuer: `${ISSUER}/`, aud: 'sts.amazonaws.com', sub: 'acme:payments:checkout' }
  const roles = [{ arn: 'arn:aws:iam::111122223333:role/checkout', trust }]
  expect(accountProblems([provider(ISSUER)], roles)).toEqual([expect.stringContaining('not a registered provider')])
})

test('every mistake is reported at once', () => {
  const trust = { issuer: ISSUER, aud: 'a', sub: 'b' }
  expect(accountProblems([provider('http://issuer.example:1', [])], [{ arn: 'checkout', trust }])).toHaveLength(5)
})

test.each([
  ['arn:aws:iam::111122223333:role/checkout', { partition: 'aws', account: '111122223333', name: 'checkout' }],
  [
    'arn:aws-cn:iam::111122223333:role/a/b/checkout',
    { partition: 'aws-cn', account: '111122223333', name: 'checkout' },
  ],
  ['arn:aws:iam::11112222333:role/checkout', undefined],
  ['arn:aws:iam::111122223333:user/checkout', undefined],
  ['arn:aws:iam::111122223333:role/', undefined],
])('%s is read as %o', (arn, name) => {
  expect(parseRoleArn(arn)).toEqual(name)
})

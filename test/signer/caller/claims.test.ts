/** Whom a subject token with a good signature speaks for. */
import { expect, test } from 'vitest'
import { callerOf } from '../../../src/signer/caller/claims.ts'

const NOW = 1_790_000_000
const EXPECTED = { cluster: 'prod', identityAudience: 'https://issuer.example/token', now: NOW }
const BINDING = {
  namespace: 'payments',
  serviceaccount: { name: 'checkout', uid: 'sa-uid' },
  pod: { name: 'checkout-0', uid: 'pod-uid' },
  node: { name: 'node-1', uid: 'node-uid' },
}
const GOOD = {
  iss: 'https://c.example',
  sub: 'system:serviceaccount:payments:checkout',
  aud: ['https://issuer.example/token'],
  iat: NOW,
  nbf: NOW,
  exp: NOW + 3600,
  jti: 'token-id',
  'kubernetes.io': BINDING,
}

test('a pod-bound token gives every fact', () => {
  expect(callerOf(GOOD, EXPECTED)).toEqual({
    cluster: 'prod',
    namespace: 'payments',
    serviceAccount: { name: 'checkout', uid: 'sa-uid' },
    pod: { name: 'checkout-0', uid: 'pod-uid' },
    node: { name: 'node-1', uid: 'node-uid' },
    expiresAt: NOW + 3600,
    credentialId: 'token-id',
  })
})

test.each([
  ['one audience as a string', { ...GOOD, aud: 'https://issuer.example/token' }],
  ['a clock 10 s ahead', { ...GOOD, iat: NOW + 10, nbf: NOW + 10 }],
  ['9 s past its end', { ...GOOD, exp: NOW - 9 }],
  ['neither iat nor nbf', { ...GOOD, iat: undefined, nbf: undefined }],
  ['claims that we do not know', { ...GOOD, warnafter: 1, 'kubernetes.io': { ...BINDING, warnafter: 1 } }],
])('a token with %s is accepted', (_name, payload) => {
  expect(callerOf(payload, EXPECTED)).toMatchObject({ namespace: 'payments' })
})

test('a token from before nodes were named, or without jti, gives what it has', () => {
  const { node: _node, ...binding } = BINDING
  expect(callerOf({ ...GOOD, jti: undefined, 'kubernetes.io': binding }, EXPECTED)).toEqual({
    cluster: 'prod',
    namespace: 'payments',
    serviceAccount: { name: 'checkout', uid: 'sa-uid' },
    pod: { name: 'checkout-0', uid: 'pod-uid' },
    expiresAt: NOW + 3600,
  })
  const named = { ...GOOD, 'kubernetes.io': { ...BINDING, node: { name: 'node-1' } } }
  expect(callerOf(named, EXPECTED)).toMatchObject({ node: { name: 'node-1' } })
})

const { pod: _pod, ...PODLESS } = BINDING
const bound = (change: object) => ({ ...GOOD, 'kubernetes.io': { ...BINDING, ...change } })

test.each([
  ['another audience', { ...GOOD, aud: ['vault'] }, 'subject-token-audience', 'is for vault and must be for https://'],
  [
    'two audiences, one of them ours',
    { ...GOOD, aud: ['https://issuer.example/token', 'vault'] },
    'subject-token-audience',
    'is for https://issuer.example/token and vault and must be for https://issuer.example/token alone',
  ],
  [
    'our audience twice',
    { ...GOOD, aud: ['https://issuer.example/token', 'https://issuer.example/token'] },
    'subject-token-audience',
    '',
  ],
  ['many audiences', { ...GOOD, aud: ['a', 'b', 'c', 'd', 'e'] }, 'subject-token-audience', 'a, b, c, d and others'],
  ['our audience and a slash', { ...GOOD, aud: 'https://issuer.example/token/' }, 'subject-token-audience', ''],
  ['no audience', { ...GOOD, aud: [] }, 'subject-token-malformed', 'does not carry'],
  ['an audience that is a number', { ...GOOD, aud: 7 }, 'subject-token-malformed', 'does not carry'],
  ['an end 10 s ago', { ...GOOD, exp: NOW - 10 }, 'subject-token-expired', 'expired 10 s ago; read it again'],
  ['no end', { ...GOOD, exp: undefined }, 'subject-token-malformed', 'does not carry'],
  ['an end that is text', { ...GOOD, exp: String(NOW + 60) }, 'subject-token-malformed', 'does not carry'],
  ['a beginning to come', { ...GOOD, nbf: NOW + 11 }, 'subject-token-expired', 'valid only in 11 s'],
  ['a birth to come', { ...GOOD, iat: NOW + 60 }, 'subject-token-expired', 'set the clocks'],
  ['no binding', { ...GOOD, 'kubernetes.io': undefined }, 'subject-token-not-pod-bound', 'bound to no pod'],
  [
    'a binding to a Secret',
    { ...GOOD, 'kubernetes.io': { ...PODLESS, secret: { name: 's', uid: 'u' } } },
    'subject-token-not-pod-bound',
    'send the token of a projected volume, not one from a Secret',
  ],
  [
    'a binding to a node alone',
    { ...GOOD, 'kubernetes.io': PODLESS },
    'subject-token-not-pod-bound',
    'bound to no pod',
  ],
  ['an empty binding', { ...GOOD, 'kubernetes.io': {} }, 'subject-token-not-pod-bound', 'bound to no pod'],
  ['a pod without uid', bound({ pod: { name: 'x' } }), 'subject-token-malformed', 'names its namespace'],
  ['a pod without name', bound({ pod: { uid: 'x' } }), 'subject-token-malformed', 'names its namespace'],
  ['an account without uid', bound({ serviceaccount: { name: 'checkout' } }), 'subject-token-malformed', ''],
  ['a namespace with a colon', bound({ namespace: 'a:b' }), 'subject-token-malformed', 'names its namespace'],
  ['a newline in a uid', bound({ pod: { name: 'x', uid: 'a\nb' } }), 'subject-token-malformed', ''],
  [
    'a sub of another account',
    { ...GOOD, sub: 'system:serviceaccount:payments:admin' },
    'subject-token-malformed',
    'sub is not',
  ],
  [
    'a sub of another namespace',
    { ...GOOD, sub: 'system:serviceaccount:kube-system:checkout' },
    'subject-token-malformed',
    'sub',
  ],
  ['no sub', { ...GOOD, sub: undefined }, 'subject-token-malformed', 'does not carry sub'],
  [
    'the form of legacy tokens',
    { iss: 'kubernetes/serviceaccount', sub: GOOD.sub, 'kubernetes.io/serviceaccount/namespace': 'payments' },
    'subject-token-malformed',
    'legacy token from a Secret; mount a projected',
  ],
  ['nothing', null, 'subject-token-malformed', ''],
  ['a list', [], 'subject-token-malformed', ''],
])('a token with %s is refused', (_name, payload, refused, message) => {
  expect(callerOf(payload, EXPECTED)).toEqual({ refused, message: expect.stringContaining(message) })
})

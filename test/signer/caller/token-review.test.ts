/** What the API server's answer to a TokenReview must say. */
import { expect, test } from 'vitest'
import type { CallerFacts } from '../../../src/contract.ts'
import { reviewProblem, tokenReview } from '../../../src/signer/caller/token-review.ts'

const AUDIENCE = 'https://issuer.example/token'
const facts: CallerFacts = {
  cluster: 'prod',
  namespace: 'payments',
  serviceAccount: { name: 'checkout', uid: 'sa-uid' },
  pod: { name: 'checkout-0', uid: 'pod-uid' },
  node: { name: 'node-1', uid: 'node-uid' },
  expiresAt: 1,
  credentialId: 'jti-1',
}
const EXTRA = 'authentication.kubernetes.io/'
const extra = {
  [`${EXTRA}pod-name`]: ['checkout-0'],
  [`${EXTRA}pod-uid`]: ['pod-uid'],
  [`${EXTRA}node-name`]: ['node-1'],
  [`${EXTRA}credential-id`]: ['JTI=jti-1'],
}
const user = { username: 'system:serviceaccount:payments:checkout', uid: 'sa-uid', extra }
const good = { authenticated: true, audiences: [AUDIENCE], user }

const without = (key: string) => Object.fromEntries(Object.entries(extra).filter(([name]) => name !== EXTRA + key))
const judge = (status: object, caller = facts) => reviewProblem({ status }, caller, AUDIENCE)

test('what is asked is the token and our one audience', () => {
  expect(tokenReview('a.b.c', AUDIENCE)).toEqual({
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token: 'a.b.c', audiences: [AUDIENCE] },
  })
})

test.each([
  ['everything', good],
  ['nothing of the node, as older servers', { ...good, user: { ...user, extra: without('node-name') } }],
  ['nothing of the credential, as older servers', { ...good, user: { ...user, extra: without('credential-id') } }],
])('a caller is served where the API server says %s', (_name, status) => {
  expect(judge(status)).toBeUndefined()
})

test('a token that says nothing of its node is compared without', () => {
  const { node: _node, credentialId: _id, ...rest } = facts
  expect(judge(good, rest)).toBeUndefined()
})

test.each<[string, object, string]>([
  ['no', { authenticated: false, error: 'token has been invalidated' }, 'it says: token has been invalidated'],
  ['nothing', {}, 'it gives no reason'],
  ['no audience', { ...good, audiences: null }, 'does not name our audience'],
  ['another audience', { ...good, audiences: ['https://kubernetes.default.svc'] }, 'does not name our audience'],
  ['a person', { ...good, user: { ...user, username: 'admin' } }, 'another service account'],
  [
    'another service account',
    { ...good, user: { ...user, username: 'system:serviceaccount:payments:other' } },
    'another service account',
  ],
  ['another uid', { ...good, user: { ...user, uid: 'x' } }, 'another uid of the service account'],
  ['another pod', { ...good, user: { ...user, extra: { ...extra, [`${EXTRA}pod-uid`]: ['x'] } } }, 'another pod'],
  ['no pod', { ...good, user: { ...user, extra: without('pod-uid') } }, 'another pod'],
  ['no user', { ...good, user: undefined }, 'another service account and uid of the service account and pod'],
  ['another node', { ...good, user: { ...user, extra: { ...extra, [`${EXTRA}node-name`]: ['x'] } } }, 'another node'],
  [
    'another credential',
    { ...good, user: { ...user, extra: { ...extra, [`${EXTRA}credential-id`]: ['JTI=x'] } } },
    'another token',
  ],
])('a caller is refused where the API server says %s', (_name, status, words) => {
  expect(judge(status)).toEqual({ refused: 'subject-token-rejected', message: expect.stringContaining(words) })
})

test.each([undefined, 'x', {}, { status: 'yes' }, { status: { authenticated: 'true' } }])(
  'an answer that is no TokenReview is no yes: %j',
  (review) => {
    expect(reviewProblem(review, facts, AUDIENCE)).toMatchObject({ refused: 'subject-token-rejected' })
  },
)

test('the words of the API server are cut', () => {
  const message = judge({ authenticated: false, error: 'x'.repeat(5000) })?.message ?? ''
  expect(message.length).toBeLessThan(500)
})

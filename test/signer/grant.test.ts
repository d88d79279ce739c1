/** What a token says and how long it lives. */
import { expect, test } from 'vitest'
import type { AudiencePolicy } from '../../src/policy/document.ts'
import { type GrantInput, grantToken } from '../../src/signer/grant.ts'

const NOW = 1_790_000_000
const POLICY: AudiencePolicy = {
  name: 'checkout-to-aws',
  effect: 'Allow',
  namespaces: ['payments'],
  serviceAccounts: ['checkout'],
  audiences: ['sts.amazonaws.com'],
  maxTtlSeconds: 7200,
  claims: 'minimal',
}
const CALLER = {
  cluster: 'prod',
  namespace: 'payments',
  serviceAccount: { name: 'checkout', uid: 'sa-uid' },
  pod: { name: 'checkout-0', uid: 'pod-uid' },
  node: { name: 'node-1', uid: 'node-uid' },
  expiresAt: NOW + 3600,
}
const INPUT: GrantInput = {
  ask: { audience: 'sts.amazonaws.com', ttlSeconds: 3600 },
  caller: CALLER,
  policies: [POLICY],
  reserved: new Set(['https://issuer.example/token']),
  issuer: { url: 'https://issuer.example', organization: 'acme' },
  now: NOW,
  jti: '0b8b2a0e-1111-4111-8111-111111111111',
}

test('a minimal token carries the registered claims in order and nothing else', () => {
  const grant = grantToken(INPUT)
  expect(grant).toEqual({
    policy: 'checkout-to-aws',
    ttlSeconds: 3600,
    claims: {
      iss: 'https://issuer.example',
      sub: 'acme:payments:checkout',
      aud: 'sts.amazonaws.com',
      iat: NOW,
      nbf: NOW - 30,
      exp: NOW + 3600,
      jti: INPUT.jti,
    },
  })
  if ('refused' in grant) throw new Error(grant.message)
  expect(Object.keys(grant.claims)).toEqual(['iss', 'sub', 'aud', 'iat', 'nbf', 'exp', 'jti'])
})

test.each([
  ['standard', ['org', 'cluster', 'namespace', 'service_account', 'service_account_uid', 'pod', 'pod_uid']],
  [
    'full',
    ['org', 'cluster', 'namespace', 'service_account', 'service_account_uid', 'pod', 'pod_uid', 'node', 'node_uid'],
  ],
] as const)('the profile %s adds its claims behind the registered ones', (claims, names) => {
  const grant = grantToken({ ...INPUT, policies: [{ ...POLICY, claims }] })
  if ('refused' in grant) throw new Error(grant.message)
  expect(Object.keys(grant.claims).slice(7)).toEqual(names)
})

test.each([
  ['what was asked', 600, 7200, 3600, 600],
  ['what policy allows', 7200, 900, 10_000, 900],
  ['what the subject token has left', 3600, 7200, 1234, 1234],
  ['ten seconds at least', 10, 10, 10, 10],
])('a token lives no longer than %s', (_name, ttlSeconds, maxTtlSeconds, leftSeconds, expected) => {
  const grant = grantToken({
    ...INPUT,
    ask: { ...INPUT.ask, ttlSeconds },
    policies: [{ ...POLICY, maxTtlSeconds }],
    caller: { ...CALLER, expiresAt: NOW + leftSeconds },
  })
  expect(grant).toMatchObject({ ttlSeconds: expected, claims: { exp: NOW + expected } })
})

test.each([
  ['no policy at all', { policies: [] }, 'policy-unavailable', 'no valid AudiencePolicy'],
  [
    'an audience that no rule allows',
    { ask: { audience: 'vault', ttlSeconds: 600 } },
    'no-matching-policy',
    'no AudiencePolicy allows service account payments/checkout the audience vault; add one with from.namespaces [payments], from.serviceAccounts [checkout], to.audiences [vault]',
  ],
  [
    'a denied audience',
    { policies: [POLICY, { ...POLICY, name: 'no', effect: 'Deny' }] },
    'denied-by-policy',
    'no denies',
  ],
  [
    'the identity audience',
    { ask: { audience: 'https://issuer.example/token', ttlSeconds: 600 }, policies: [{ ...POLICY, audiences: ['*'] }] },
    'reserved-audience',
    'belongs to the API server or to the signer itself',
  ],
  [
    'a subject token with 9 s left',
    { caller: { ...CALLER, expiresAt: NOW + 9 } },
    'subject-token-expired',
    'has 9 s left',
  ],
  [
    'a subject token within the leeway',
    { caller: { ...CALLER, expiresAt: NOW - 5 } },
    'subject-token-expired',
    'has 0 s',
  ],
  [
    'a subject that is too long',
    {
      caller: { ...CALLER, serviceAccount: { name: 's'.repeat(120), uid: 'u' } },
      policies: [{ ...POLICY, serviceAccounts: ['*'] }],
    },
    'subject-not-usable',
    'sss',
  ],
] as [string, Partial<GrantInput>, string, string][])('%s is refused', (_name, change, refused, message) => {
  expect(grantToken({ ...INPUT, ...change })).toEqual({ refused, message: expect.stringContaining(message) })
})

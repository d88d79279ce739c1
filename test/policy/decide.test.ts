/** Who gets which audience. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isRefusal } from '../../src/errors.ts'
import { decide, WELL_KNOWN_RESERVED_AUDIENCES } from '../../src/policy/decide.ts'
import type { AudiencePolicy } from '../../src/policy/document.ts'

const allow: AudiencePolicy = {
  name: 'checkout-to-aws',
  effect: 'Allow',
  namespaces: ['payments'],
  serviceAccounts: ['checkout'],
  audiences: ['sts.amazonaws.com'],
  maxTtlSeconds: 3600,
  claims: 'standard',
}
const ask = { namespace: 'payments', serviceAccount: 'checkout', audience: 'sts.amazonaws.com', ttlSeconds: 3600 }
const reserved = new Set([...WELL_KNOWN_RESERVED_AUDIENCES, 'https://issuer.example/token'])

test('a matching Allow grants', () => {
  expect(decide([allow], ask, reserved)).toEqual({ policy: 'checkout-to-aws', ttlSeconds: 3600, claims: 'standard' })
})

test('a lifetime above what policy allows is shortened, one below is kept', () => {
  expect(decide([{ ...allow, maxTtlSeconds: 900 }], ask, reserved)).toMatchObject({ ttlSeconds: 900 })
  expect(decide([allow], { ...ask, ttlSeconds: 600 }, reserved)).toMatchObject({ ttlSeconds: 600 })
})

test.each([
  ['no policy at all', []],
  ['another namespace', [{ ...allow, namespaces: ['billing'] }]],
  ['another service account', [{ ...allow, serviceAccounts: ['cart'] }]],
  ['another audience', [{ ...allow, audiences: ['vault'] }]],
  ['a prefix without a star', [{ ...allow, serviceAccounts: ['check'] }]],
  ['a star whose beginning differs', [{ ...allow, namespaces: ['pay-*'] }]],
  ['an audience that only looks like a pattern', [{ ...allow, audiences: ['sts.*'] }]],
])('%s is denied, and the message names the missing rule', (_name, policies) => {
  expect(decide(policies, ask, reserved)).toEqual({
    refused: 'no-matching-policy',
    message:
      'no AudiencePolicy allows service account payments/checkout the audience sts.amazonaws.com; add one with from.namespaces [payments], from.serviceAccounts [checkout], to.audiences [sts.amazonaws.com]',
  })
})

test.each([
  ['a star for every name', { namespaces: ['*'], serviceAccounts: ['*'] }],
  ['a trailing star', { namespaces: ['pay*'] }],
  ['every audience', { audiences: ['*'] }],
])('%s matches', (_name, change) => {
  expect(isRefusal(decide([{ ...allow, ...change }], ask, reserved))).toBe(false)
})

test('a matching Deny wins over an Allow whatever their order and names', () => {
  const deny: AudiencePolicy = { ...allow, name: 'zz-quarantine', effect: 'Deny', audiences: ['*'] }
  for (const policies of [
    [allow, deny],
    [deny, allow],
  ]) {
    expect(decide(policies, ask, reserved)).toMatchObject({ refused: 'denied-by-policy' })
  }
})

test('among matching Allows the first by name decides', () => {
  const other: AudiencePolicy = { ...allow, name: 'aaa', maxTtlSeconds: 60 }
  expect(decide([allow, other], ask, reserved)).toMatchObject({ policy: 'aaa', ttlSeconds: 60 })
})

test.each([...reserved])('the reserved audience %s is given to nobody, not even by "*"', (audience) => {
  expect(decide([{ ...allow, audiences: ['*'] }], { ...ask, audience }, reserved)).toMatchObject({
    refused: 'reserved-audience',
  })
})

test('an Azure token that would live under 1800 s is refused, in every one of its clouds', () => {
  for (const audience of ['api://AzureADTokenExchange', 'api://AzureADTokenExchangeChina']) {
    const policy = { ...allow, audiences: [audience], maxTtlSeconds: 1799 }
    expect(decide([policy], { ...ask, audience }, reserved)).toMatchObject({ refused: 'ttl-not-usable' })
    expect(decide([{ ...policy, maxTtlSeconds: 1800 }], { ...ask, audience }, reserved)).toMatchObject({
      ttlSeconds: 1800,
    })
  }
})

test('the order of the policies never matters', () => {
  const name = fc.constantFrom('payments', 'pay*', '*', 'billing')
  const policy = fc.record({
    name: fc.string({ minLength: 1, maxLength: 4 }),
    effect: fc.constantFrom('Allow' as const, 'Deny' as const),
    namespaces: fc.array(name, { minLength: 1, maxLength: 2 }),
    serviceAccounts: fc.constant(['checkout']),
    audiences: fc.constantFrom(['*'], ['sts.amazonaws.com'], ['vault']),
    maxTtlSeconds: fc.integer({ min: 10, max: 86_400 }),
    claims: fc.constantFrom('minimal' as const, 'full' as const),
  })
  const policies = fc.uniqueArray(policy, { selector: (p) => p.name, maxLength: 6 })
  fc.assert(
    fc.property(policies, (list) => {
      expect(decide([...list].reverse(), ask, reserved)).toEqual(decide(list, ask, reserved))
    }),
  )
})

test('a token that was pasted as an audience is not shown', () => {
  const audience = `eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl`
  expect(decide([], { ...ask, audience }, reserved)).toMatchObject({
    message: expect.stringContaining('the audience [redacted token]; add'),
  })
})

/** What a token says of its caller: subject and claims, and which rules stay while a document is broken. */
import { expect, test } from 'vitest'
import type { CallerFacts } from '../../src/contract.ts'
import { claimsOf } from '../../src/policy/claims.ts'
import type { AudiencePolicy } from '../../src/policy/document.ts'
import { keepLastValid } from '../../src/policy/keep.ts'
import { subjectOf } from '../../src/policy/subject.ts'

const facts: CallerFacts = {
  cluster: 'prod-eu-1',
  namespace: 'payments',
  serviceAccount: { name: 'checkout', uid: 'sa-uid' },
  pod: { name: 'checkout-7c9f8d6b5d-x2k4q', uid: 'pod-uid' },
  node: { name: 'node-1', uid: 'node-uid' },
  expiresAt: 1_790_003_600,
}

test('the subject is organization, namespace and service account', () => {
  expect(subjectOf('acme', facts)).toBe('acme:payments:checkout')
})

test.each([
  ['127 bytes', 'a'.repeat(113), true],
  ['128 bytes', 'a'.repeat(114), false],
])('a subject of %s is usable: %s', (_name, name, usable) => {
  const subject = subjectOf('acme', { namespace: 'payments', serviceAccount: { name, uid: 'u' } })
  if (usable) expect(subject).toBe(`acme:payments:${name}`)
  else expect(subject).toMatchObject({ refused: 'subject-not-usable', message: expect.stringContaining(name) })
})

test('a subject of five bytes is refused, because AWS takes six', () => {
  expect(subjectOf('a', { namespace: 'b', serviceAccount: { name: 'c', uid: 'u' } })).toMatchObject({
    refused: 'subject-not-usable',
  })
  expect(subjectOf('ab', { namespace: 'b', serviceAccount: { name: 'c', uid: 'u' } })).toBe('ab:b:c')
})

test('profiles add from nothing to the node, and absent facts are left out', () => {
  expect(claimsOf('minimal', 'acme', facts)).toEqual({})
  const standard = claimsOf('standard', 'acme', facts)
  expect(standard).toEqual({
    org: 'acme',
    cluster: 'prod-eu-1',
    namespace: 'payments',
    service_account: 'checkout',
    service_account_uid: 'sa-uid',
    pod: 'checkout-7c9f8d6b5d-x2k4q',
    pod_uid: 'pod-uid',
  })
  expect(claimsOf('full', 'acme', facts)).toEqual({ ...standard, node: 'node-1', node_uid: 'node-uid' })
  expect(claimsOf('full', 'acme', { ...facts, node: { name: 'n' } })).toEqual({ ...standard, node: 'n' })
})

function rule(name: string, maxTtlSeconds = 3600): AudiencePolicy {
  return {
    name,
    effect: 'Allow',
    namespaces: ['*'],
    serviceAccounts: ['*'],
    audiences: ['*'],
    maxTtlSeconds,
    claims: 'minimal',
  }
}

test.each([
  ['a new form replaces the old', { policies: [rule('a', 60)], problems: [], invalid: [] }, [rule('a', 60)]],
  ['a removed rule is gone', { policies: [], problems: [], invalid: [] }, []],
  ['a broken rule keeps its old form', { policies: [], problems: ['x'], invalid: ['a'] }, [rule('a')]],
  [
    'a broken rule without a name keeps all',
    { policies: [rule('c')], problems: ['x'], invalid: [undefined] },
    [rule('c'), rule('a'), rule('b')],
  ],
])('%s', (_name, reading, expected) => {
  const previous = _name.startsWith('a broken rule without') ? [rule('a'), rule('b')] : [rule('a')]
  expect(keepLastValid(previous, reading)).toEqual(expected)
})

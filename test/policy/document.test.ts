/** What the reader of policy documents accepts, refuses, and says about it. */
import { expect, test } from 'vitest'
import { parsePolicies } from '../../src/policy/document.ts'

const good = `apiVersion: token-projector.dev/v1alpha1
kind: AudiencePolicy
metadata: {name: checkout-to-aws}
spec:
  effect: Allow
  from: {namespaces: [payments], serviceAccounts: [checkout]}
  to: {audiences: [sts.amazonaws.com]}
`

test('a document gets its defaults: one hour and the standard claims', () => {
  expect(parsePolicies(good, 'policy.yaml')).toEqual({
    policies: [
      {
        name: 'checkout-to-aws',
        effect: 'Allow',
        namespaces: ['payments'],
        serviceAccounts: ['checkout'],
        audiences: ['sts.amazonaws.com'],
        maxTtlSeconds: 3600,
        claims: 'standard',
      },
    ],
    problems: [],
    invalid: [],
  })
})

test('three mistakes in one file are all reported, each with its line', () => {
  const text = good
    .replace('Allow', 'Permit')
    .replace(
      '  to: {audiences: [sts.amazonaws.com]}\n',
      '  too: {audiences: [sts.amazonaws.com]}\n  maxTtlSeconds: 5\n',
    )
  expect(parsePolicies(text, 'policy.yaml').problems.sort()).toEqual([
    'policy.yaml:4: spec.to is required',
    'policy.yaml:5: spec.effect must be Allow or Deny',
    'policy.yaml:7: spec.too is not known',
    'policy.yaml:8: spec.maxTtlSeconds must be 10 to 86400',
  ])
})

test('mistakes of several documents are reported together and the good document is kept', () => {
  const text = `${good}---\n${good.replace('checkout-to-aws', 'b').replace('[checkout]', '[]')}---\n${good.replace('checkout-to-aws', 'UPPER')}`
  const { policies, problems, invalid } = parsePolicies(text, 'p.yaml')
  expect(policies.map(({ name }) => name)).toEqual(['checkout-to-aws'])
  expect(problems).toEqual([
    'p.yaml:14: spec.from.serviceAccounts must name at least one service account, or "*"',
    'p.yaml:19: metadata.name must be a lower-case Kubernetes name',
  ])
  expect(invalid).toEqual(['b', 'UPPER'])
})

test.each([
  [
    'a star in the middle of a name',
    'namespaces: [payments]',
    'namespaces: ["pay*ments"]',
    /spec\.from\.namespaces\.0 must be a namespace name/,
  ],
  ['a star within an audience', '[sts.amazonaws.com]', '["sts.*"]', /must be exact/],
  ['a star beside other audiences', '[sts.amazonaws.com]', '["*", a]', /must not mix/],
  ['an audience with a space', '[sts.amazonaws.com]', '["a b"]', /visible ASCII/],
  ['a missing key of from', ', serviceAccounts: [checkout]', '', /p\.yaml:6: spec\.from\.serviceAccounts is required/],
  ['another kind', 'kind: AudiencePolicy', 'kind: ConfigMap', /p\.yaml:2: kind must be AudiencePolicy/],
  ['broken YAML', 'spec:', 'spec: [', /^p\.yaml:\d+: /],
  ['a key written twice', '  effect: Allow', '  effect: Allow\n  effect: Deny', /Map keys must be unique/],
])('%s is refused', (_name, from, to, problem) => {
  const { policies, problems } = parsePolicies(good.replace(from, to), 'p.yaml')
  expect(problems.join('\n')).toMatch(problem)
  expect(policies).toEqual([])
})

test('a name used twice is a mistake of both documents', () => {
  const { policies, problems, invalid } = parsePolicies(`${good}---\n${good.replace('Allow', 'Deny')}`, 'p.yaml')
  expect([policies, invalid]).toEqual([[], ['checkout-to-aws']])
  expect(problems).toEqual(['p.yaml:9: metadata.name checkout-to-aws is used by an earlier document'])
})

test.each([
  ['nothing', ''],
  ['a comment', '# later\n'],
  ['empty documents', '---\n---\n'],
])('%s is no policy and no mistake', (_name, text) => {
  expect(parsePolicies(text, 'p.yaml')).toEqual({ policies: [], problems: [], invalid: [] })
})

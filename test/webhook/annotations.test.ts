/** The table of annotations, and what a typing error is taken for. */
import { expect, test } from 'vitest'
import { ANNOTATIONS, nearestTo, recognize } from '../../src/webhook/annotations.ts'

test('no annotation is in the table twice', () => {
  const suffixes = ANNOTATIONS.map(({ suffix }) => suffix)
  expect([...new Set(suffixes)]).toEqual(suffixes)
})

test.each([
  ['audience', { base: 'audience' }],
  ['audience.search', { base: 'audience', token: 'search' }],
  ['audience.a.b', { base: 'audience', token: 'a.b' }],
  ['audience.', { base: 'audience', token: '' }],
  ['ttl-seconds.aws', { base: 'ttl-seconds', token: 'aws' }],
  ['env.aws', { base: 'env', token: 'aws' }],
  ['aws-role-arn', { base: 'aws-role-arn' }],
  ['env', undefined],
  ['audience.<name>', undefined],
  ['aws-role-arn.x', undefined],
  ['constructor', undefined],
  ['', undefined],
])('%s is recognized as %j', (suffix, expected) => {
  expect(recognize(suffix)).toEqual(expected)
})

test.each([
  ['aws-role-arm', 'aws-role-arn'],
  ['awsRoleArn', 'aws-role-arn'],
  ['audiance', 'audience'],
  ['audiance.search', 'audience.search'],
  ['env', 'env.<name>'],
  ['ttl', 'env.<name>'],
  ['ttl-second', 'ttl-seconds'],
  ['ttl-second.aws', 'ttl-seconds.aws'],
  ['start-deadline', 'start-deadline-seconds'],
  ['skip-container', 'skip-containers'],
  ['gcp-serviceaccount', 'gcp-service-account'],
])('%s is taken for %s', (suffix, expected) => {
  expect(nearestTo(suffix)).toBe(expected)
})

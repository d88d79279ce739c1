/** Shows a container's environment as the kubelet would compute it, and what a pod file alone cannot tell. */
import { expect, test } from 'vitest'
import { environmentOf, expand, type PodFacts } from '../../../src/cli/exec/environment.ts'

const FACTS: PodFacts = {
  name: 'checkout-local',
  namespace: 'payments',
  uid: 'u-1',
  serviceAccount: 'checkout',
  nodeName: 'local',
  labels: { app: 'checkout' },
  annotations: { 'x/y': 'z' },
}

const variablesOf = (env: object[], given: Record<string, string> = {}) =>
  environmentOf({ name: 'app', env: env as never }, FACTS, given)

test.each([
  ['$(A)', 'x'],
  ['-$(A)-$(A)-', '-x-x-'],
  ['$(NOBODY)', '$(NOBODY)'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$x'],
  ['$A $', '$A $'],
  ['$(A', '$(A'],
  ['$(toString)', '$(toString)'],
])('%s expands to %s', (template, expected) => {
  expect(expand(template, { A: 'x' })).toBe(expected)
})

test('a variable sees those before it and not those behind', () => {
  const { variables } = variablesOf([
    { name: 'A', value: '$(B)' },
    { name: 'B', value: 'b' },
    { name: 'C', value: '$(B)c' },
    { name: 'EMPTY' },
  ])
  expect(variables).toEqual({ A: '$(B)', B: 'b', C: 'bc', EMPTY: '' })
})

test.each([
  ['metadata.name', 'checkout-local'],
  ['metadata.namespace', 'payments'],
  ['metadata.uid', 'u-1'],
  ["metadata.labels['app']", 'checkout'],
  ["metadata.labels['none']", ''],
  ["metadata.annotations['x/y']", 'z'],
  ['spec.serviceAccountName', 'checkout'],
  ['spec.nodeName', 'local'],
  ['status.podIP', '127.0.0.1'],
  ['status.hostIP', '127.0.0.1'],
])('the downward API tells %s', (fieldPath, expected) => {
  const { variables, refusals } = variablesOf([{ name: 'A', valueFrom: { fieldRef: { fieldPath } } }])
  expect([variables, refusals]).toEqual([{ A: expected }, []])
})

test.each([
  ['secretKeyRef', { secretKeyRef: { name: 's', key: 'k' } }],
  ['configMapKeyRef', { configMapKeyRef: { name: 's', key: 'k' } }],
  ['resourceFieldRef', { resourceFieldRef: { resource: 'limits.cpu' } }],
  ['fieldRef status.phase', { fieldRef: { fieldPath: 'status.phase' } }],
  ['fieldRef toString', { fieldRef: { fieldPath: 'toString' } }],
])('a variable from %s is refused with what to give, and --env gives it', (source, valueFrom) => {
  const env = [{ name: 'PASSWORD', valueFrom }]
  const refused = variablesOf(env).refusals
  expect(refused).toHaveLength(1)
  expect(refused[0]?.message).toContain(source)
  expect(refused[0]?.message).toContain('--env PASSWORD=VALUE')
  expect(variablesOf(env, { PASSWORD: 'p' })).toEqual({ variables: { PASSWORD: 'p' }, refusals: [] })
})

test('an optional variable that only a cluster knows is left out', () => {
  const env = [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: true } } }]
  expect(variablesOf(env)).toEqual({ variables: {}, refusals: [] })
})

test('envFrom is refused unless it is optional', () => {
  const envFrom = [{ configMapRef: { name: 'must' } }, { secretRef: { name: 'may', optional: true } }]
  const { refusals } = environmentOf({ name: 'app', envFrom }, FACTS, {})
  expect(refusals.map(({ message }) => message)).toEqual([expect.stringMatching(/configMapRef must.*--env/)])
})

test('a given variable wins over the container’s and is there for those that refer to it', () => {
  const { variables } = variablesOf(
    [
      { name: 'A', value: 'theirs' },
      { name: 'B', value: '$(A)' },
    ],
    { A: 'mine' },
  )
  expect(variables).toEqual({ A: 'mine', B: 'mine' })
})

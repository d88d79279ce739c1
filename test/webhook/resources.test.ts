/** What our containers get, so that neither a quota nor the pod's class of service breaks. */
import { expect, test } from 'vitest'
import type { InjectionContext } from '../../src/webhook/context.ts'
import type { JsonObject } from '../../src/webhook/json.ts'
import { projectPod } from '../../src/webhook/pod.ts'
import { NAMESPACE, podWith, WITHOUT_POLICY } from './context.ts'

function outcomeOf(resources: JsonObject[], annotations: Record<string, string> = {}, rest: Rest = {}) {
  const containers = resources.map((each, index) => ({ name: `c${index}`, resources: each }))
  const pod = podWith({ audience: 'a.example', ...annotations }, { containers, ...rest.spec })
  const context = rest.installed === undefined ? WITHOUT_POLICY : { ...WITHOUT_POLICY, resources: rest.installed }
  const outcome = projectPod(pod, NAMESPACE, context)
  if (outcome.outcome !== 'injected') throw new Error(JSON.stringify(outcome))
  const { initContainers } = outcome.pod['spec'] as unknown as { initContainers: { resources: JsonObject }[] }
  return { resources: initContainers[0]?.resources, warnings: outcome.warnings }
}

interface Rest {
  spec?: JsonObject
  installed?: NonNullable<InjectionContext['resources']>
}

const burst = { requests: { cpu: '5m', memory: '32Mi' }, limits: { memory: '64Mi' } }
const limited = { requests: { cpu: '5m', memory: '32Mi' }, limits: { cpu: '100m', memory: '64Mi' } }
const guaranteed = { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '100m', memory: '64Mi' } }
const full = { requests: { cpu: '500m', memory: '1Gi' }, limits: { cpu: 0.5, memory: '1024Mi' } }

test.each<[string, JsonObject[], JsonObject]>([
  ['no resources', [{}], burst],
  ['requests', [{ requests: { cpu: '1', memory: '1Gi' } }], burst],
  ['a limit of memory', [{ limits: { memory: '1Gi' } }], burst],
  ['a limit of processor time in one container', [{ limits: { cpu: '1' } }, {}], burst],
  ['a limit of nothing', [{ limits: { cpu: '0' } }], burst],
  ['limits of processor time, as a quota wants', [{ limits: { cpu: '1' } }, { limits: { cpu: '2' } }], limited],
  [
    'requests below their limits',
    [{ requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '2', memory: '1Gi' } }],
    limited,
  ],
  ['requests that are the limits, in other words', [full, full], guaranteed],
  ['limits alone, which are requests too', [{ limits: { cpu: '1', memory: '1Gi' } }], guaranteed],
  ['one container that is not Guaranteed', [full, { limits: { cpu: '1' } }], limited],
])('our container keeps the class of a pod with %s', (_name, resources, expected) => {
  expect(outcomeOf(resources)).toEqual({ resources: expected, warnings: [] })
})

test('an init container without limits makes the pod Burstable as well', () => {
  expect(outcomeOf([full], {}, { spec: { initContainers: [{ name: 'migrate' }] } }).resources).toEqual(burst)
})

test('in a pod with resources as a whole ours shares them, unless somebody asks', () => {
  const spec = { resources: { limits: { cpu: '1', memory: '1Gi' } } }
  expect(outcomeOf([{}], {}, { spec }).resources).toEqual({})
  expect(outcomeOf([{}], { 'sidecar-cpu': '10m' }, { spec }).resources).toMatchObject({ requests: { cpu: '10m' } })
})

const INSTALLED = { cpu: { request: '10m', limit: '200m' }, memory: { request: '48Mi', limit: '96Mi' } }

test.each<[string, JsonObject, Record<string, string>, JsonObject]>([
  ['the installation', {}, {}, { requests: { cpu: '10m', memory: '48Mi' }, limits: { cpu: '200m', memory: '96Mi' } }],
  [
    'an annotation before the installation',
    {},
    { 'sidecar-cpu': '20m', 'sidecar-memory': '80Mi' },
    { requests: { cpu: '20m', memory: '80Mi' }, limits: { memory: '80Mi' } },
  ],
  [
    'a Guaranteed pod before the installation, which says how much',
    full,
    {},
    { requests: { cpu: '200m', memory: '96Mi' }, limits: { cpu: '200m', memory: '96Mi' } },
  ],
])('what decides is %s', (_name, resources, annotations, expected) => {
  expect(outcomeOf([resources], annotations, { installed: INSTALLED })).toEqual({ resources: expected, warnings: [] })
})

test.each([
  ['a request alone', { 'sidecar-cpu': '10m' }],
  ['a request below its limit', { 'sidecar-memory': '32Mi/64Mi' }],
])('who makes a Guaranteed pod Burstable is told: %s', (_name, annotations) => {
  expect(outcomeOf([full], annotations).warnings).toEqual([
    expect.stringContaining(
      'token-projector.dev/sidecar-cpu and token-projector.dev/sidecar-memory make a Guaranteed pod Burstable',
    ),
  ])
})

test('one who gives a Guaranteed pod equal values is not', () => {
  expect(outcomeOf([full], { 'sidecar-cpu': '200m/200m', 'sidecar-memory': '96Mi' }).warnings).toEqual([])
})

test('requests that are no object are the fault of the caller', () => {
  expect(() => outcomeOf([{ limits: 'all' }])).toThrow('resources of container c0 must be an object')
})

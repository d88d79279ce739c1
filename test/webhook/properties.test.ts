/** Any pod whatever: injection adds, only adds, and adds once. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json, JsonObject } from '../../src/webhook/json.ts'
import { type PodOutcome, projectPod } from '../../src/webhook/pod.ts'
import { applied } from './apply.ts'
import { NAMESPACE, WITHOUT_POLICY } from './context.ts'

const P = WITHOUT_POLICY.prefix
const RUNS = { numRuns: 300 }

const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/)
const invented = fc.dictionary(
  fc.string({ maxLength: 8 }).map((key) => `x${key}`),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
  { maxKeys: 3 },
)
const absentOr = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined, freq: 2 })

const variable = fc.record({
  name: fc.constantFrom('LOG_LEVEL', 'AWS_ROLE_ARN', 'AWS_REGION', 'AZURE_CLIENT_ID', 'PATH_OF_TOKEN', 'HOME'),
  value: fc.constantFrom('', 'a', 'eu-west-1', '$(HOME)'),
})
const container = fc
  .record({
    name,
    env: absentOr(fc.option(fc.array(variable, { maxLength: 3 }))),
    volumeMounts: absentOr(fc.array(fc.record({ name, mountPath: name.map((each) => `/${each}`) }), { maxLength: 2 })),
    restartPolicy: fc.constant(undefined),
    securityContext: absentOr(fc.record({ runAsUser: fc.constantFrom(0, 1000, 2000) })),
    extra: invented,
  })
  .map(({ extra, ...rest }) => ({ ...extra, ...rest }))
const containers = (minLength: number) =>
  fc.uniqueArray(container, { minLength, maxLength: 3, selector: (each) => each.name })

const requests = fc.constantFrom<Record<string, string>>(
  { audience: 'a.example' },
  { audience: 'a.example', 'audience.b': 'b.example', 'env.b': 'PATH_OF_TOKEN' },
  { 'aws-role-arn': 'arn:aws:iam::111122223333:role/checkout', 'aws-region': 'eu-west-1' },
  {
    'azure-client-id': '11111111-2222-3333-4444-555555555555',
    'azure-tenant-id': 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
  },
  { 'vault-role': 'checkout', start: 'init' },
  { audience: 'a.example', start: 'now', 'sidecar-cpu': '10m/1' },
)

const pod = fc
  .record({
    request: requests,
    onConflict: fc.constantFrom('keep', 'refuse'),
    others: fc.dictionary(fc.constantFrom('a', 'b/c', 'd~e', 'kubernetes.io/x'), fc.string(), { maxKeys: 2 }),
    metadata: invented,
    spec: invented,
    top: invented,
    initContainers: absentOr(fc.option(containers(0))),
    containers: containers(1),
    volumes: absentOr(fc.option(fc.uniqueArray(fc.record({ name }), { maxLength: 2, selector: (each) => each.name }))),
    hostNetwork: absentOr(fc.boolean()),
  })
  .map(({ request, onConflict, others, metadata, spec, top, ...parts }) => {
    const ours = Object.entries({ ...request, 'on-conflict': onConflict }).map(([key, value]) => [P + key, value])
    const annotations = { ...others, ...Object.fromEntries(ours) }
    const made = { ...top, metadata: { ...metadata, annotations }, spec: { ...spec, ...parts } }
    // What is undefined in a record is absent in JSON.
    return JSON.parse(JSON.stringify(made)) as JsonObject
  })

function project(input: JsonObject): PodOutcome {
  return projectPod(input, NAMESPACE, WITHOUT_POLICY)
}

/** Runs the check on every pod that is injected; a conflict is the only refusal that these pods can earn. */
function forInjected(check: (before: JsonObject, outcome: PodOutcome & { outcome: 'injected' }) => void): void {
  let count = 0
  fc.assert(
    fc.property(pod, (input) => {
      const before = structuredClone(input)
      const outcome = project(input)
      expect(input).toEqual(before)
      if (outcome.outcome === 'injected') {
        count += 1
        check(input, outcome)
      } else {
        expect(outcome).toMatchObject({ outcome: 'refused' })
        const reasons = outcome.outcome === 'refused' ? outcome.refusals.map(({ refused }) => refused) : []
        expect(new Set(reasons)).toEqual(new Set(['variable-conflict']))
      }
    }),
    RUNS,
  )
  expect(count).toBeGreaterThan(RUNS.numRuns / 4)
}

/** Whether everything of `before` is in `after`: members, and elements in their order. Written apart from the patch. */
function survives(before: Json, after: Json): boolean {
  if (before === null) return true
  if (Array.isArray(before)) {
    if (!Array.isArray(after)) return false
    let from = 0
    return before.every((element) => {
      const at = after.findIndex((candidate, index) => index >= from && survives(element, candidate))
      from = at + 1
      return at !== -1
    })
  }
  if (typeof before !== 'object') return before === after
  return (
    typeof after === 'object' &&
    after !== null &&
    !Array.isArray(after) &&
    Object.entries(before).every(([key, value]) => Object.hasOwn(after, key) && survives(value, after[key] as Json))
  )
}

test('the patch applies and gives the injected pod', () => {
  forInjected((before, { pod: after, patch }) => expect(applied(before, patch)).toEqual(after))
})

test('every operation is an addition', () => {
  forInjected((_before, { patch }) => expect(new Set(patch.map(({ op }) => op))).toEqual(new Set(['add'])))
})

test('every original field survives, invented ones too', () => {
  forInjected((before, { pod: after }) => expect(survives(before, after)).toBe(true))
})

test('twice is once', () => {
  forInjected((_before, { pod: after }) => {
    expect(project(JSON.parse(JSON.stringify(after)))).toMatchObject({ outcome: 'injected', pod: after, patch: [] })
  })
})

test('every container of the pod gets the mount, and ours stand first', () => {
  forInjected((before, { pod: after }) => {
    const spec = after['spec'] as unknown as Record<
      'initContainers' | 'containers',
      { name: string; volumeMounts: { name: string }[] }[]
    >
    for (const each of [...spec.initContainers, ...spec.containers]) {
      expect(each.volumeMounts.map((mount) => mount.name)).toContain('token-projector-tokens')
    }
    expect(spec.initContainers[0]?.name).toMatch(/^token-projector/)
    expect(spec.containers).toHaveLength((before['spec'] as { containers: unknown[] }).containers.length)
  })
})

test('the check for survival sees a field that is lost', () => {
  expect(survives({ a: [{ b: 1 }, 2] }, { a: [0, { b: 1, c: 1 }, 2] })).toBe(true)
  expect(survives({ a: [{ b: 1 }, 2] }, { a: [2, { b: 1 }] })).toBe(false)
  expect(survives({ a: 1 }, { b: 1 })).toBe(false)
})

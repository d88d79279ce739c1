/** Every fixture goes the whole way from pod to patch or refusal. */
import { expect, test } from 'vitest'
import { REASONS } from '../../src/errors.ts'
import { parseSidecarConfig } from '../../src/sidecar/config.ts'
import type { JsonObject } from '../../src/webhook/json.ts'
import { type PodOutcome, projectPod } from '../../src/webhook/pod.ts'
import { applied } from './apply.ts'
import { CONTEXT, NAMESPACE } from './context.ts'
import { readFixtures } from './fixtures.ts'
import { complaintsAbout } from './shape.ts'

const FIXTURES = readFixtures()
const PATCHED = FIXTURES.flatMap(({ name, pod, patch }) => (patch === undefined ? [] : [{ name, pod, patch }]))
const INJECTED = PATCHED.filter(({ patch }) => patch.length > 0)
const REFUSED = FIXTURES.flatMap(({ name, pod, refusals }) => (refusals === undefined ? [] : [{ name, pod, refusals }]))

function project(pod: JsonObject): PodOutcome {
  return projectPod(pod, NAMESPACE, CONTEXT)
}

function patchOf(outcome: PodOutcome) {
  if (outcome.outcome === 'refused') throw new Error(JSON.stringify(outcome.refusals))
  return outcome.outcome === 'untouched' ? [] : outcome.patch
}

test('there are at least 25 pairs, and each names a feature that no other names', () => {
  const features = FIXTURES.map(({ feature }) => feature)
  expect(features.length).toBeGreaterThanOrEqual(25)
  expect([...new Set(features)]).toEqual(features)
})

test.each(PATCHED)('$name: the patch is the expected one', ({ pod, patch }) => {
  expect(patchOf(project(pod))).toEqual(patch)
})

test.each(INJECTED)('$name: the patch applies and gives the pod that the API server takes', ({ pod, patch }) => {
  const outcome = project(pod)
  const after = applied(pod, patch)
  expect(outcome).toMatchObject({ outcome: 'injected', pod: after })
  expect(complaintsAbout(after)).toEqual([])
})

test.each(INJECTED)('$name: the second time nothing changes', ({ pod, patch }) => {
  expect(patchOf(project(applied(pod, patch)))).toEqual([])
})

test.each(INJECTED)('$name: fields that nobody knows survive', ({ pod, patch }) => {
  const invented = structuredClone(pod) as JsonObject & { spec: JsonObject & { containers: JsonObject[] } }
  invented['inventedByTomorrow'] = { list: [1, { a: null }] }
  invented.spec['inventedInSpec'] = ['x']
  for (const container of invented.spec.containers) container['inventedInContainer'] = { refused: 'a field' }
  const after = applied(invented, patchOf(project(invented)))
  expect(after).toEqual(applied(invented, patch))
  expect(after).toMatchObject({ inventedByTomorrow: { list: [1, { a: null }] }, spec: { inventedInSpec: ['x'] } })
})

test.each(INJECTED)('$name: the sidecar reads the configuration that it gets', ({ pod, patch }) => {
  const after = applied(pod, patch) as { spec: { initContainers: { name: string; env: { value: string }[] }[] } }
  const sidecar = after.spec.initContainers.find(({ name }) => name === 'token-projector')
  const text = sidecar?.env[0]?.value
  expect(text).not.toContain('$')
  expect(parseSidecarConfig(text).tokens.length).toBeGreaterThan(0)
})

test.each(REFUSED)('$name: every refusal is the expected one', ({ pod, refusals }) => {
  const outcome = project(pod)
  const seen = outcome.outcome === 'refused' ? outcome.refusals : []
  expect(seen.map(({ refused, message }) => ({ reason: refused, message }))).toEqual(refusals)
})

test('the fixtures show every reason for which admission refuses', () => {
  const shown = new Set(REFUSED.flatMap(({ refusals }) => refusals.map(({ reason }) => reason)))
  const elsewhere = [
    'input-malformed',
    'internal',
    'not-ready',
    'subject-not-usable',
    'ttl-not-usable',
    'token-too-large',
  ]
  const missing = Object.entries(REASONS)
    .filter(([reason, entry]) => 'admissionCode' in entry && !elsewhere.includes(reason))
    .map(([reason]) => reason)
    .filter((reason) => !shown.has(reason))
  expect(missing).toEqual([])
})

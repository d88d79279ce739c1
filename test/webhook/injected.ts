/** An injected pod, what others do to it, and what becomes of it then. */
import jsonPatch, { type Operation as Change } from 'fast-json-patch'
import { expect } from 'vitest'
import type { JsonObject } from '../../src/webhook/json.ts'
import type { Operation } from '../../src/webhook/patch.ts'
import { type PodOutcome, projectPod } from '../../src/webhook/pod.ts'
import { NAMESPACE, podWith, WITHOUT_POLICY } from './context.ts'
import { complaintsAbout } from './shape.ts'

export type { Change }

export const ROLE = { 'aws-role-arn': 'arn:aws:iam::111122223333:role/checkout' }
export const TOKENS = '/var/run/secrets/token-projector.dev/tokens'
export const SIDECAR = '/spec/initContainers/0'
export const APP = '/spec/containers/0'

interface Container extends JsonObject {
  name: string
  env: { name: string; value?: string }[]
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[]
}
type Lists = Record<'initContainers' | 'containers', Container[]>

export function project(pod: JsonObject): PodOutcome {
  return projectPod(pod, NAMESPACE, WITHOUT_POLICY)
}

export function injected(annotations: Record<string, string> = ROLE, spec: JsonObject = {}): JsonObject {
  const outcome = project(podWith(annotations, spec))
  if (outcome.outcome !== 'injected') throw new Error(JSON.stringify(outcome))
  return outcome.pod
}

/** The pod after somebody else's webhook. */
export function changed(pod: JsonObject, ...changes: Change[]): JsonObject {
  return jsonPatch.applyPatch(structuredClone(pod), changes, true, false).newDocument
}

export function listsOf(pod: JsonObject): Lists {
  return pod['spec'] as unknown as Lists
}

export function patchOf(pod: JsonObject): Operation[] {
  const outcome = project(pod)
  if (outcome.outcome !== 'injected') throw new Error(JSON.stringify(outcome))
  expect(complaintsAbout(outcome.pod)).toEqual([])
  return outcome.patch
}

export function refusalsOf(pod: JsonObject): string[] {
  const outcome = project(pod)
  return outcome.outcome === 'refused' ? outcome.refusals.map(({ refused, message }) => `${refused}: ${message}`) : []
}

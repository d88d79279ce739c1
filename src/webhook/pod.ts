/** Takes one pod the whole way from its annotations to its patch. Pure. */
import type { Refusal } from '../errors.ts'
import type { InjectionContext } from './context.ts'
import { decide } from './decide.ts'
import { readPod } from './facts.ts'
import { inject } from './inject.ts'
import { type JsonObject, memberOf, objectAt } from './json.ts'
import { additions, type Operation } from './patch.ts'
import { restore } from './restore.ts'
import { readSettings } from './settings.ts'

/** The kubelet makes mirror pods from files; they may not use projected tokens. */
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror'

export type UntouchedReason = 'not-a-pod' | 'not-a-create' | 'mirror-pod' | 'no-annotations'

export type PodOutcome =
  | { outcome: 'untouched'; reason: UntouchedReason }
  | { outcome: 'injected'; pod: JsonObject; patch: Operation[]; warnings: string[] }
  | { outcome: 'refused'; refusals: Refusal[] }

/**
 * What becomes of `pod` in `namespace`. An injected pod comes back with an empty patch.
 * @throws ProjectorError `input-malformed` where it is not shaped like a pod
 */
export function projectPod(pod: JsonObject, namespace: string, context: InjectionContext): PodOutcome {
  const annotations = objectAt(objectAt(pod, 'metadata', 'metadata'), 'annotations', 'metadata.annotations')
  if (memberOf(annotations, MIRROR_ANNOTATION) !== undefined) return { outcome: 'untouched', reason: 'mirror-pod' }
  const facts = readPod(pod, namespace)
  const settings = readSettings(facts, context.prefix)
  if (settings === undefined) return { outcome: 'untouched', reason: 'no-annotations' }
  if (Array.isArray(settings)) return { outcome: 'refused', refusals: settings }
  const decision = decide(settings, facts, context)
  if (decision.outcome === 'refused') return decision
  const restored = restore(pod, decision.injection.own)
  const injected = inject(restored.pod, decision.injection)
  if (Array.isArray(injected)) return { outcome: 'refused', refusals: injected }
  const patch = [...restored.operations, ...additions(restored.pod, injected)]
  return { outcome: 'injected', pod: injected, patch, warnings: decision.warnings }
}

/** Puts one pod of a manifest through the webhook's own code. Pure. */
import { ProjectorError, type Refusal, refuse } from '../errors.ts'
import type { InjectionContext } from '../webhook/context.ts'
import type { JsonObject } from '../webhook/json.ts'
import type { Operation } from '../webhook/patch.ts'
import { type PodOutcome, projectPod } from '../webhook/pod.ts'
import type { FoundPod } from './workload.ts'

export interface InjectedPod {
  pod: JsonObject
  /** Empty when nothing changes; its paths begin at the pod. */
  patch: readonly Operation[]
  refusals: Refusal[]
  warnings: string[]
}

/** @param namespace of objects that name none */
export function injectPod(found: FoundPod, namespace: string, context: InjectionContext): InjectedPod {
  const outcome = project(found, found.namespace ?? namespace, context)
  if (outcome.outcome === 'refused') return { pod: found.pod, patch: [], refusals: outcome.refusals, warnings: [] }
  if (outcome.outcome === 'injected') return { ...outcome, refusals: [] }
  return { pod: found.pod, patch: [], refusals: [], warnings: misplaced(found, context.prefix) }
}

/** A pod of the wrong shape is a person's mistake here, and no reason to stop looking for others. */
function project(found: FoundPod, namespace: string, context: InjectionContext): PodOutcome {
  try {
    return projectPod(found.pod, namespace, context)
  } catch (error) {
    if (!(error instanceof ProjectorError)) throw error
    return { outcome: 'refused', refusals: [refuse(error.reason, error.message)] }
  }
}

/** The commonest mistake: the annotation stands on the Deployment, and pods do not inherit it. */
function misplaced({ workloadAnnotations, kind, pointer }: FoundPod, prefix: string): string[] {
  const names = Object.keys(workloadAnnotations).filter((name) => name.startsWith(prefix))
  if (names.length === 0) return []
  const path = pointer.split('/').filter((part) => !/^(?:items|\d+|)$/.test(part))
  return [
    `${names.join(', ')} on the ${kind} itself does nothing; put it under ${[...path, 'metadata', 'annotations'].join('.')}`,
  ]
}

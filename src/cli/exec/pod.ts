/** Picks the pod of a manifest and sees that it is injected. Pure. */
import { FETCH_CONTAINER, SIDECAR_CONTAINER } from '../../contract.ts'
import { isRefusal, type Refusal, refuse } from '../../errors.ts'
import type { InjectionContext } from '../../webhook/context.ts'
import { isObject, type JsonObject } from '../../webhook/json.ts'
import { DEFAULT_SERVICE_ACCOUNT, LOCAL_NODE } from '../defaults.ts'
import { type DocumentStream, readStream } from '../documents.ts'
import { injectPod } from '../injection.ts'
import type { Input } from '../input.ts'
import { type FoundPod, podsOf, text } from '../workload.ts'
import type { PodFacts } from './environment.ts'
import { listOf } from './volumes.ts'

export interface ReadyPod {
  /** Injected. */
  pod: JsonObject
  facts: PodFacts
  warnings: string[]
}

/**
 * @param namespace of an object that names none
 * @param uid of the pod, which no file can know
 * @returns what a person has to change, in the file or in policy
 */
export function readyPod(
  input: Input,
  namespace: string,
  uid: string,
  context: InjectionContext,
): ReadyPod | Refusal[] {
  const stream = readStream(input.text, input.source)
  if (isRefusal(stream)) return [stream]
  const found = onlyPod(stream, input.source)
  if (isRefusal(found)) return [found]
  const facts = factsOf(found, found.namespace ?? namespace, uid)
  if (isInjected(found.pod)) return { pod: found.pod, facts, warnings: [] }
  const { pod, patch, refusals, warnings } = injectPod(found, namespace, context)
  if (refusals.length > 0) return refusals
  return patch.length === 0 ? [notOptedIn(found, context.prefix), ...asRefusals(warnings)] : { pod, facts, warnings }
}

function onlyPod({ documents }: DocumentStream, source: string): FoundPod | Refusal {
  const pods = documents.flatMap(({ value }) => podsOf(value))
  const [first] = pods
  if (first !== undefined && pods.length === 1) return first
  const names = pods.map(({ kind, name }) => `${kind}/${name}`).join(', ')
  const what = first === undefined ? 'no Pod and no workload with a pod template' : `${pods.length} pods (${names})`
  return refuse('input-malformed', `${source} holds ${what}; give a file with exactly one`)
}

/** As it is read from a pod's spec, whatever its annotations say. */
function isInjected(pod: JsonObject): boolean {
  const spec = isObject(pod['spec']) ? pod['spec'] : {}
  const containers = [...listOf(spec['initContainers']), ...listOf(spec['containers'])]
  return containers.some(({ name }) => name === SIDECAR_CONTAINER || name === FETCH_CONTAINER)
}

function factsOf({ pod, kind, name }: FoundPod, namespace: string, uid: string): PodFacts {
  const metadata = isObject(pod['metadata']) ? pod['metadata'] : {}
  const spec = isObject(pod['spec']) ? pod['spec'] : {}
  const own = kind === 'Pod' ? text(metadata['name']) : undefined
  return {
    name: own ?? `${name.replace(/-$/, '') || 'pod'}-local`,
    namespace,
    uid,
    serviceAccount: text(spec['serviceAccountName']) ?? text(spec['serviceAccount']) ?? DEFAULT_SERVICE_ACCOUNT,
    nodeName: text(spec['nodeName']) ?? LOCAL_NODE,
    labels: isObject(metadata['labels']) ? metadata['labels'] : {},
    annotations: isObject(metadata['annotations']) ? metadata['annotations'] : {},
  }
}

function notOptedIn({ kind, name }: FoundPod, prefix: string): Refusal {
  return refuse(
    'not-opted-in',
    `${kind}/${name} asks for no token; give its pod an annotation, such as ${prefix}audience: AUDIENCE`,
  )
}

function asRefusals(warnings: readonly string[]): Refusal[] {
  return warnings.map((warning) => refuse('not-opted-in', warning))
}

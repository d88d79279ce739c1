/** Finds the pods and pod templates in a Kubernetes object. Pure. */
import { isObject, type JsonObject } from '../webhook/json.ts'

/** A pod, or the template of one, and how it lies in its document. */
export interface FoundPod {
  /** JSON pointer of the object that has the pod's `metadata` and `spec`. */
  pointer: string
  pod: JsonObject
  kind: string
  /** Of the pod or of the workload; empty when it has none. */
  name: string
  /** Undefined when the object names no namespace. */
  namespace: string | undefined
  /** Annotations of the workload itself, which opt nothing in. */
  workloadAnnotations: JsonObject
}

/** Where each kind keeps its template; the API group guards against namesakes such as Volcano's Job. */
const TEMPLATES: Record<string, { group: RegExp; path: readonly string[] }> = {
  Pod: { group: /^v1$/, path: [] },
  PodTemplate: { group: /^v1$/, path: ['template'] },
  ReplicationController: { group: /^v1$/, path: ['spec', 'template'] },
  Deployment: { group: /^apps\//, path: ['spec', 'template'] },
  ReplicaSet: { group: /^apps\//, path: ['spec', 'template'] },
  StatefulSet: { group: /^apps\//, path: ['spec', 'template'] },
  DaemonSet: { group: /^apps\//, path: ['spec', 'template'] },
  Job: { group: /^batch\//, path: ['spec', 'template'] },
  CronJob: { group: /^batch\//, path: ['spec', 'jobTemplate', 'spec', 'template'] },
}

/** Every pod of a document: one for a workload, several for a `List` (or a `PodList` and the like), none for the rest. */
export function podsOf(value: unknown, pointer = ''): FoundPod[] {
  if (!isObject(value)) return []
  const { kind, apiVersion, items } = value
  if (typeof kind !== 'string' || typeof apiVersion !== 'string') return []
  if (kind.endsWith('List') && Array.isArray(items)) {
    const itemKind = kind.slice(0, -'List'.length)
    return items.flatMap((item, index) => podsOf(typed(item, itemKind, apiVersion), `${pointer}/items/${index}`))
  }
  const template = TEMPLATES[kind]
  return template?.group.test(apiVersion) ? findPod(value, kind, template.path, pointer) : []
}

/** The items of a typed list leave out what the list says for all of them. */
function typed(item: unknown, kind: string, apiVersion: string): unknown {
  return isObject(item) && kind !== '' ? { kind, apiVersion, ...item } : item
}

function findPod(owner: JsonObject, kind: string, path: readonly string[], pointer: string): FoundPod[] {
  const pod = path.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), owner)
  if (!isObject(pod)) return []
  const metadata = isObject(owner['metadata']) ? owner['metadata'] : {}
  return [
    {
      pointer: [pointer, ...path].join('/'),
      pod,
      kind,
      name: text(metadata['name']) ?? text(metadata['generateName']) ?? '',
      namespace: text(metadata['namespace']),
      workloadAnnotations: path.length > 0 && isObject(metadata['annotations']) ? metadata['annotations'] : {},
    },
  ]
}

/** `value` with the object at `pointer` (as `podsOf` gives it) replaced; what is not on the way is shared. */
export function replaceAt(value: unknown, pointer: string, replacement: unknown): unknown {
  const [, key, ...rest] = pointer.split('/')
  if (key === undefined) return replacement
  const below = ['', ...rest].join('/')
  if (Array.isArray(value)) {
    return value.map((item, index) => (String(index) === key ? replaceAt(item, below, replacement) : item))
  }
  return isObject(value) ? { ...value, [key]: replaceAt(value[key], below, replacement) } : value
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Mends our own init containers where another webhook changed them after us; everything else it leaves alone. Pure. */
import { covers } from './ensure.ts'
import { type Json, type JsonObject, listAt, memberOf, objectAt } from './json.ts'
import { ownPlace } from './mesh.ts'
import { isSameMount, mountPathOf, mountsOf } from './mounts.ts'
import { isOwnProgram, isSameProgram } from './own-container.ts'
import type { Operation } from './patch.ts'

export interface Restored {
  pod: JsonObject
  /** By which the pod was mended, in their order. */
  operations: Operation[]
}

const PATH = '/spec/initContainers'

/**
 * The pod with name, arguments, restartPolicy, hook, mounts and place of our containers as they were injected; what one
 * lacks is added later.
 * @param own in the order in which they start
 */
export function restore(pod: JsonObject, own: readonly JsonObject[]): Restored {
  const spec = objectAt(pod, 'spec', 'spec')
  const operations: Operation[] = []
  let containers = listAt(spec, 'initContainers', 'spec.initContainers')
  for (const ours of own) {
    const index = indexOf(containers, ours)
    const theirs = containers[index]
    if (theirs === undefined) continue
    const mended = mend(theirs, ours, `${PATH}/${index}`)
    containers = containers.with(index, mended.container)
    operations.push(...mended.operations)
  }
  const arranged = arrange(containers, own)
  operations.push(...arranged.operations)
  if (operations.length === 0) return { pod, operations }
  return { pod: { ...pod, spec: { ...spec, initContainers: arranged.containers } }, operations }
}

/** By its name, or by what it runs where somebody gave it another; -1 where none is ours. */
function indexOf(containers: readonly JsonObject[], ours: JsonObject): number {
  const named = containers.findIndex((container) => container['name'] === ours['name'])
  if (named === -1) return containers.findIndex((container) => isSameProgram(container, ours))
  const theirs = containers[named]
  return theirs !== undefined && isOwnProgram(theirs, ours) ? named : -1
}

interface Mended {
  container: JsonObject
  operations: Operation[]
}

function mend(theirs: JsonObject, ours: JsonObject, path: string): Mended {
  const mended = [mendMember('name'), mendMember('args'), mendMember('restartPolicy'), mendHook, mendMounts]
  return mended.reduce<Mended>(
    (so, part) => {
      const { container, operations } = part(so.container, ours, path)
      return { container, operations: [...so.operations, ...operations] }
    },
    { container: theirs, operations: [] },
  )
}

type Mend = (theirs: JsonObject, ours: JsonObject, path: string) => Mended

/** Something else becomes ours, or goes where we have nothing; what is absent stays so for now. */
function mendMember(key: string): Mend {
  return (theirs, ours, path) => {
    const there = memberOf(theirs, key)
    const wanted = memberOf(ours, key)
    if (there === undefined || covers(there, wanted)) return { container: theirs, operations: [] }
    return { container: withMember(theirs, key, wanted), operations: [replacement(`${path}/${key}`, wanted)] }
  }
}

function mendHook(theirs: JsonObject, ours: JsonObject, path: string): Mended {
  const lifecycle = objectAt(theirs, 'lifecycle', 'lifecycle')
  const wanted = objectAt(ours, 'lifecycle', 'lifecycle')
  const { container, operations } = mendMember('postStart')(lifecycle, wanted, `${path}/lifecycle`)
  return operations.length === 0
    ? { container: theirs, operations }
    : { container: { ...theirs, lifecycle: container }, operations }
}

/** At our paths nothing but our volumes, whole and as writable as they were. */
function mendMounts(theirs: JsonObject, ours: JsonObject, path: string): Mended {
  const wanted = mountsOf(ours)
  const operations: Operation[] = []
  const volumeMounts = mountsOf(theirs).map((mount, index) => {
    const own = wanted.find((each) => mountPathOf(each) === mountPathOf(mount))
    if (own === undefined || isSameMount(mount, own)) return mount
    operations.push(replacement(`${path}/volumeMounts/${index}`, own))
    return own
  })
  return operations.length === 0
    ? { container: theirs, operations }
    : { container: { ...theirs, volumeMounts }, operations }
}

function withMember(parent: JsonObject, key: string, value: Json | undefined): JsonObject {
  const { [key]: _old, ...rest } = parent
  return value === undefined ? rest : { ...parent, [key]: value }
}

function replacement(path: string, value: Json | undefined): Operation {
  return value === undefined ? { op: 'remove', path } : { op: 'replace', path, value }
}

interface Arranged {
  containers: JsonObject[]
  operations: Operation[]
}

/** Ours one behind the other at their place; the others keep their order. */
function arrange(containers: readonly JsonObject[], own: readonly JsonObject[]): Arranged {
  const list = [...containers]
  const operations: Operation[] = []
  let before: JsonObject | undefined = list[ownPlace(list) - 1]
  for (const { name } of own) {
    const from = list.findIndex((container) => container['name'] === name)
    const [ours] = from === -1 ? [] : list.splice(from, 1)
    if (ours === undefined) continue
    const to = before === undefined ? 0 : list.indexOf(before) + 1
    list.splice(to, 0, ours)
    if (from !== to) operations.push({ op: 'move', from: `${PATH}/${from}`, path: `${PATH}/${to}` })
    before = ours
  }
  return { containers: list, operations }
}

/** Says by which additions one JSON value becomes another, RFC 6902. Pure. */
import { isObject, type Json, type JsonObject } from './json.ts'

/** All that is ever done to what is not ours. */
export interface Addition {
  op: 'add'
  /** JSON Pointer, RFC 6901. */
  path: string
  value: Json
}

/** The other kinds mend our own containers and nothing else. */
export type Operation =
  | Addition
  | { op: 'replace'; path: string; value: Json }
  | { op: 'remove'; path: string }
  | { op: 'move'; from: string; path: string }

/**
 * The additions that turn `before` into `after`, to be applied in this order; none where they are equal.
 * Null counts as absent.
 * @throws Error when anything of `before` would be changed, removed or reordered: our own fault, never a denial
 */
export function additions(before: Json, after: Json): Addition[] {
  const operations = extend(before, after, '')
  if (operations === undefined) throw new Error('the injected pod is not the original with additions')
  return operations
}

/** As {@link additions}, but undefined where `after` is more than an extension. */
function extend(before: Json, after: Json, path: string): Addition[] | undefined {
  if (before === after) return []
  if (Array.isArray(before) && Array.isArray(after)) return extendList(before, after, path)
  if (isObject(before) && isObject(after)) return extendObject(before, after, path)
  return undefined
}

function extendObject(before: JsonObject, after: JsonObject, path: string): Addition[] | undefined {
  if (Object.keys(before).some((key) => !Object.hasOwn(after, key))) return undefined
  const operations: Addition[] = []
  for (const [key, value] of Object.entries(after)) {
    const pointer = `${path}/${escaped(key)}`
    const there = Object.hasOwn(before, key) ? (before[key] ?? null) : null
    const isNew = !Object.hasOwn(before, key) || (there === null && value !== null)
    const more = isNew ? [{ op: 'add' as const, path: pointer, value }] : extend(there, value, pointer)
    if (more === undefined) return undefined
    operations.push(...more)
  }
  return operations
}

/**
 * Every element of `before` in its order, each as it was or extended, and new ones between. The first element that
 * extends the next old one is taken for it, which finds a way whenever there is one.
 */
function extendList(before: readonly Json[], after: readonly Json[], path: string): Addition[] | undefined {
  const operations: Addition[] = []
  let matched = 0
  after.forEach((value, index) => {
    const old = before[matched]
    const more = matched < before.length && old !== undefined ? extend(old, value, `${path}/${index}`) : undefined
    if (more === undefined) {
      operations.push({ op: 'add', path: `${path}/${matched < before.length ? index : '-'}`, value })
    } else {
      matched += 1
      operations.push(...more)
    }
  })
  return matched === before.length ? operations : undefined
}

/** RFC 6901 section 3; the tilde first, or it would escape what the slash became. */
function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

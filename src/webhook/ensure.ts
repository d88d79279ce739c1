/** Compares and completes JSON: ours against what stands there already, which may have been defaulted or extended. Pure. */
import type { Refusal } from '../errors.ts'
import { isObject, type Json, type JsonObject, memberOf } from './json.ts'

/** What came out, and what was in the way; with a refusal the value is of no use. */
export interface Ensured<Value> {
  value: Value
  refusals: Refusal[]
}

/** Whether everything of `ours` is in `theirs`; more may be. Empty text is what Go writers leave out. */
export function covers(theirs: Json | undefined, ours: Json | undefined): boolean {
  if (isObject(ours) && isObject(theirs)) {
    return Object.keys(ours).every((key) => covers(memberOf(theirs, key), memberOf(ours, key)))
  }
  if (Array.isArray(ours) && Array.isArray(theirs)) {
    return ours.length === theirs.length && ours.every((value, index) => covers(theirs[index], value))
  }
  return (theirs ?? '') === (ours ?? '')
}

/** `theirs` with the members of `ours` that it lacks, at any depth; what is there stays, lists stay whole. */
export function complete(theirs: JsonObject, ours: JsonObject): JsonObject {
  const result = { ...theirs }
  for (const [key, value] of Object.entries(ours)) {
    const there = memberOf(result, key)
    if (there === undefined) result[key] = value
    else if (isObject(there) && isObject(value)) result[key] = complete(there, value)
  }
  return result
}

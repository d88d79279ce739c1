/** JSON as somebody else wrote it, and how to look into it without trusting its shape. Pure. */
import { ProjectorError } from '../errors.ts'

export type Json = null | boolean | number | string | Json[] | JsonObject
export interface JsonObject {
  [key: string]: Json
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The object at `key`; an empty one where there is none, as null is.
 * @throws ProjectorError `input-malformed` that names `path`
 */
export function objectAt(parent: JsonObject, key: string, path: string): JsonObject {
  const value = memberOf(parent, key)
  if (value === undefined) return {}
  if (isObject(value)) return value
  throw malformed(path, 'an object')
}

/** The list of objects at `key`; an empty one where there is none. @throws as {@link objectAt} */
export function listAt(parent: JsonObject, key: string, path: string): JsonObject[] {
  const value = memberOf(parent, key)
  if (value === undefined) return []
  if (Array.isArray(value) && value.every(isObject)) return value
  throw malformed(path, 'a list of objects')
}

/** The text at `key`; undefined where there is none or an empty one, which Go writers mean by "absent". @throws as {@link objectAt} */
export function textAt(parent: JsonObject, key: string, path: string): string | undefined {
  const value = memberOf(parent, key)
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string') return value
  throw malformed(path, 'a string')
}

/** The whole number at `key`. @throws as {@link objectAt} */
export function integerAt(parent: JsonObject, key: string, path: string): number | undefined {
  const value = memberOf(parent, key)
  if (value === undefined) return undefined
  if (Number.isInteger(value)) return value as number
  throw malformed(path, 'a whole number')
}

/** An own member that is not null: raw JSON may hold any key, inherited ones are not its. */
export function memberOf(parent: JsonObject, key: string): Json | undefined {
  return (Object.hasOwn(parent, key) ? parent[key] : undefined) ?? undefined
}

export function malformed(path: string, shape: string): ProjectorError {
  return new ProjectorError('input-malformed', `${path} must be ${shape}`)
}

/** Applies patches as the API server does, by a library that is not ours. */
import jsonPatch from 'fast-json-patch'
import type { JsonObject } from '../../src/webhook/json.ts'
import type { Operation } from '../../src/webhook/patch.ts'

/** The patched document; every operation is validated first, such as a parent that is missing. */
export function applied(document: JsonObject, patch: readonly Operation[]): JsonObject {
  return jsonPatch.applyPatch(structuredClone(document), structuredClone([...patch]), true, false).newDocument
}

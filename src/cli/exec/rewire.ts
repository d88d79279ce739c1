/** Points an injected sidecar at the local signer and the local folders. Pure. */
import { SIDECAR_VARIABLE } from '../../contract.ts'
import { type Refusal, refuse } from '../../errors.ts'
import { isObject } from '../../webhook/json.ts'
import { mapPaths } from './paths.ts'
import type { PlannedContainer } from './plan.ts'

/** Where the embedded signer listens and what it is trusted by. */
export interface LocalSigner {
  url: string
  /** PEM. */
  caBundle: string
}

/**
 * `container` as it was, or with its configuration rewritten when it is ours.
 * @returns a refusal when that configuration is not one
 */
export function rewire(container: PlannedContainer, signer: LocalSigner): PlannedContainer | Refusal {
  if (!container.isOurs) return container
  const config = readJson(container.variables[SIDECAR_VARIABLE] ?? '')
  if (!isObject(config)) {
    return refuse(
      'input-malformed',
      `container ${container.container}: ${SIDECAR_VARIABLE} is not a JSON object; give the pod before injection`,
    )
  }
  const local = mapStrings(config, (text) => mapPaths(text, container.mappings)) as object
  // Any free port: several pods, or two runs of one, share this machine.
  const rewired = { ...local, signer, opsPort: 0 }
  return { ...container, variables: { ...container.variables, [SIDECAR_VARIABLE]: JSON.stringify(rewired) } }
}

/** String by string, so that a local path is quoted as JSON wants it. */
function mapStrings(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === 'string') return map(value)
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, map))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapStrings(item, map)]))
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Puts our init containers in their place, and repairs them where another webhook took something away. Pure. */
import { SIDECAR_VARIABLE } from '../contract.ts'
import { type Refusal, refuse } from '../errors.ts'
import { complete, covers, type Ensured } from './ensure.ts'
import { effective } from './environment.ts'
import { nameOf } from './facts.ts'
import { type JsonObject, listAt, memberOf } from './json.ts'
import { ensureMounts, mountsOf } from './mounts.ts'

/**
 * The init containers with ours in front, each once. One that is there keeps its place, its image and its resources.
 * @param own in the order in which they start
 */
export function ensureOwn(initContainers: readonly JsonObject[], own: readonly JsonObject[]): Ensured<JsonObject[]> {
  const value = [...initContainers]
  const refusals: Refusal[] = []
  let place = 0
  for (const ours of own) {
    const index = value.findIndex((container) => container['name'] === ours['name'])
    const theirs = value[index]
    if (theirs === undefined) value.splice(place, 0, ours)
    else {
      const repaired = repair(theirs, ours)
      value[index] = repaired.value
      refusals.push(...repaired.refusals)
    }
    place = (theirs === undefined ? place : index) + 1
  }
  return { value, refusals }
}

/** `theirs` with what it lacks of `ours`; refusals where it is not ours, or no longer. */
function repair(theirs: JsonObject, ours: JsonObject): Ensured<JsonObject> {
  const foreign = foreignPart(theirs, ours)
  if (foreign !== undefined) return { value: theirs, refusals: [otherForm(theirs, foreign)] }
  const mounts = ensureMounts(theirs, mountsOf(ours))
  const { resources, ...parts } = ours
  // Whoever set resources, a quota's default or a person, set all of them on purpose.
  const base = complete(theirs, memberOf(theirs, 'resources') === undefined ? ours : parts)
  const value = { ...base, env: ensureEnvironment(theirs, ours), volumeMounts: mounts.value }
  return { value, refusals: mounts.refusals }
}

/** The first part that says that a container with our name is something else. */
function foreignPart(theirs: JsonObject, ours: JsonObject): string | undefined {
  const isOther = (key: string) => !covers(memberOf(theirs, key), memberOf(ours, key))
  if (isOther('command')) return 'command'
  if (isOther('args')) return 'args'
  if (memberOf(theirs, 'restartPolicy') !== undefined && isOther('restartPolicy')) return 'restartPolicy'
  const hook = (container: JsonObject) => memberOf((memberOf(container, 'lifecycle') ?? {}) as JsonObject, 'postStart')
  if (hook(theirs) !== undefined && !covers(hook(theirs), hook(ours))) return 'lifecycle.postStart'
  const configuration = effective(envOf(theirs), SIDECAR_VARIABLE)
  const expected = effective(envOf(ours), SIDECAR_VARIABLE)
  return configuration !== undefined && !covers(configuration, expected) ? SIDECAR_VARIABLE : undefined
}

/** A variable that somebody gave all containers must not reach ours: the last entry of a name is the one that counts. */
function ensureEnvironment(theirs: JsonObject, ours: JsonObject): JsonObject[] {
  const env = envOf(theirs)
  return [...env, ...envOf(ours).filter((entry) => !covers(effective(env, String(entry['name'])), entry))]
}

function envOf(container: JsonObject): JsonObject[] {
  return listAt(container, 'env', `env of container ${nameOf(container)}`)
}

function otherForm(container: JsonObject, part: string): Refusal {
  return refuse(
    'reserved-name',
    `the pod brings an init container ${nameOf(container)} whose ${part} is not token-projector's own; rename it, or take token-projector's parts out of the manifest and let them be injected anew`,
  )
}

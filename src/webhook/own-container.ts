/** Puts our init containers in their place, and repairs them where another webhook took something away. Pure. */
import { SIDECAR_VARIABLE } from '../contract.ts'
import { type Refusal, refuse } from '../errors.ts'
import { complete, covers, type Ensured } from './ensure.ts'
import { effective } from './environment.ts'
import { nameOf } from './facts.ts'
import { isObject, type Json, type JsonObject, listAt, memberOf } from './json.ts'
import { ownPlace } from './mesh.ts'
import { ensureMounts, mountsOf } from './mounts.ts'

/**
 * The init containers with ours in their place, each once. One that is there keeps its image and its resources.
 * @param own in the order in which they start
 */
export function ensureOwn(initContainers: readonly JsonObject[], own: readonly JsonObject[]): Ensured<JsonObject[]> {
  const value = [...initContainers]
  const refusals: Refusal[] = []
  let place = ownPlace(value)
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
  if (!covers(memberOf(theirs, 'command'), memberOf(ours, 'command'))) return 'command'
  if (isPrivileged(memberOf(theirs, 'securityContext'))) return 'securityContext'
  const [written, expected] = [configurationOf(theirs), configurationOf(ours)]
  return written === undefined || isSameConfiguration(written, expected) ? undefined : SIDECAR_VARIABLE
}

/** Ours never is, and completing such a context would contradict it. */
function isPrivileged(context: Json | undefined): boolean {
  if (!isObject(context)) return false
  const [privileged, escalation] = [memberOf(context, 'privileged'), memberOf(context, 'allowPrivilegeEscalation')]
  return privileged === true || escalation === true || memberOf(context, 'runAsUser') === 0
}

/** Whether a container of our name is ours, whatever became of the parts that are mended. */
export function isOwnProgram(theirs: JsonObject, ours: JsonObject): boolean {
  return foreignPart(theirs, ours) === undefined
}

/** Whether a container of another name runs what `ours` runs. */
export function isSameProgram(theirs: JsonObject, ours: JsonObject): boolean {
  const isSame = (key: string) => covers(memberOf(theirs, key), memberOf(ours, key))
  return isSame('command') && isSame('args') && covers(configurationOf(theirs), configurationOf(ours))
}

function configurationOf(container: JsonObject): JsonObject | undefined {
  return effective(envOf(container), SIDECAR_VARIABLE)
}

/** What makes a configuration another one; the roots change while they are renewed, and other versions may add members. */
const ESSENTIAL = ['version', 'identityTokenFile', 'directory', 'tokens', 'files']

/**
 * Another replica, with roots or of a version that we do not have yet, may have written it a moment ago; then it is as
 * good as ours.
 */
function isSameConfiguration(theirs: JsonObject, ours: JsonObject | undefined): boolean {
  if (covers(theirs, ours)) return true
  const [written, expected] = [parsed(theirs), ours && parsed(ours)]
  if (written === undefined || expected === undefined) return false
  const url = ({ signer }: JsonObject) => isObject(signer) && memberOf(signer, 'url')
  return (
    url(written) === url(expected) && ESSENTIAL.every((key) => same(memberOf(written, key), memberOf(expected, key)))
  )
}

function same(one: Json | undefined, other: Json | undefined): boolean {
  return covers(one, other) && covers(other, one)
}

function parsed({ value }: JsonObject): JsonObject | undefined {
  try {
    const configuration: unknown = JSON.parse(String(value))
    return isObject(configuration) ? configuration : undefined
  } catch {
    return undefined
  }
}

/** A variable that somebody gave all containers must not reach ours: the last entry of a name is the one that counts. */
function ensureEnvironment(theirs: JsonObject, ours: JsonObject): JsonObject[] {
  const env = envOf(theirs)
  const isGood = (entry: JsonObject) => {
    const there = effective(env, String(entry['name']))
    // What is read from elsewhere is not empty; a configuration in another form than ours has been judged already.
    const isRead = there !== undefined && memberOf(there, 'valueFrom') !== undefined
    return (covers(there, entry) && !isRead) || (entry['name'] === SIDECAR_VARIABLE && there !== undefined)
  }
  return [...env, ...envOf(ours).filter((entry) => !isGood(entry))]
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

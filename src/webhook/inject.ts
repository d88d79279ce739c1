/** Adds to a pod what a decision says, and only adds; where it is already, nothing changes. Pure. */
import { FETCH_CONTAINER, SIDECAR_CONTAINER } from '../contract.ts'
import { type Refusal, refuse } from '../errors.ts'
import type { Injection } from './decide.ts'
import { covers, type Ensured } from './ensure.ts'
import { environmentOf } from './environment.ts'
import { isOurs, nameOf } from './facts.ts'
import { type JsonObject, listAt, memberOf, objectAt } from './json.ts'
import { ensureMounts, foreignMounts } from './mounts.ts'
import { ensureOwn } from './own-container.ts'
import { TOKENS_MOUNT } from './sidecar.ts'

/** @returns the pod with everything of `injection`, sharing what did not change; or everything that is in the way */
export function inject(pod: JsonObject, injection: Injection): JsonObject | Refusal[] {
  const spec = objectAt(pod, 'spec', 'spec')
  const volumes = ensureVolumes(listAt(spec, 'volumes', 'spec.volumes'), injection.volumes)
  const own = ensureOwn(listAt(spec, 'initContainers', 'spec.initContainers'), injection.own)
  const initContainers = equipAll(own.value, injection)
  const containers = equipAll(listAt(spec, 'containers', 'spec.containers'), injection)
  const refusals = [volumes, own, initContainers, containers].flatMap((ensured) => ensured.refusals)
  refusals.push(...misplaced(spec, injection))
  if (refusals.length > 0) return refusals
  const lists = { volumes: volumes.value, initContainers: initContainers.value }
  return {
    ...pod,
    metadata: withStatus(objectAt(pod, 'metadata', 'metadata'), injection.status),
    spec: { ...spec, ...lists, ...(containers.value.length === 0 ? {} : { containers: containers.value }) },
  }
}

function withStatus(metadata: JsonObject, { annotation, value }: Injection['status']): JsonObject {
  const annotations = objectAt(metadata, 'annotations', 'metadata.annotations')
  return Object.hasOwn(annotations, annotation)
    ? metadata
    : { ...metadata, annotations: { ...annotations, [annotation]: value } }
}

/** The volumes and each of `ours`, once; a volume of our name in another form could be anybody's folder. */
function ensureVolumes(volumes: readonly JsonObject[], ours: readonly JsonObject[]): Ensured<JsonObject[]> {
  const value = [...volumes]
  const refusals: Refusal[] = []
  for (const volume of ours) {
    const theirs = volumes.find((each) => each['name'] === volume['name'])
    if (theirs === undefined) value.push(volume)
    else if (!covers(theirs, volume)) refusals.push(otherVolume(String(volume['name'])))
  }
  return { value, refusals }
}

function otherVolume(name: string): Refusal {
  return refuse(
    'reserved-name',
    `the pod brings a volume ${name} in another form than token-projector's own; rename it, or take token-projector's parts out of the manifest and let them be injected anew`,
  )
}

/** Every container that is not ours with its mount and variables. */
function equipAll(containers: readonly JsonObject[], injection: Injection): Ensured<JsonObject[]> {
  const equipped = containers.map((container) =>
    isOurs(container) ? { value: container, refusals: [] } : equip(container, injection),
  )
  return { value: equipped.map(({ value }) => value), refusals: equipped.flatMap(({ refusals }) => refusals) }
}

function equip(container: JsonObject, injection: Injection): Ensured<JsonObject> {
  const name = nameOf(container)
  if (injection.skipped.has(name)) return { value: container, refusals: foreignMounts(container, []) }
  const foreign = foreignMounts(container, [TOKENS_MOUNT])
  const mounts = ensureMounts(container, [TOKENS_MOUNT])
  const environment = environmentOf(name, listAt(container, 'env', `env of container ${name}`), injection)
  return {
    value: withLists(container, environment.value, mounts.value),
    refusals: [...foreign, ...mounts.refusals, ...environment.refusals],
  }
}

/** An empty list where there was none would be a change without a reason. */
function withLists(container: JsonObject, env: JsonObject[], volumeMounts: JsonObject[]): JsonObject {
  return env.length === 0 && memberOf(container, 'env') === undefined
    ? { ...container, volumeMounts }
    : { ...container, env, volumeMounts }
}

/** Our names where we never put them. */
function misplaced(spec: JsonObject, injection: Injection): Refusal[] {
  const planned = injection.own.map(nameOf)
  const inInit = listAt(spec, 'initContainers', 'spec.initContainers').map(nameOf)
  const inApp = listAt(spec, 'containers', 'spec.containers').map(nameOf)
  const names = [SIDECAR_CONTAINER, FETCH_CONTAINER]
  const wrong = names.filter((name) => inApp.includes(name) || (inInit.includes(name) && !planned.includes(name)))
  return wrong.map((name) =>
    refuse('reserved-name', `the pod brings a container ${name}, a name that is token-projector's; rename it`),
  )
}

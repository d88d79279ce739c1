/** Reads out of a pod what decisions depend on. Pure. */
import { FETCH_CONTAINER, SIDECAR_CONTAINER } from '../contract.ts'
import type { ProviderFacts } from '../providers/provider.ts'
import { integerAt, type JsonObject, listAt, malformed, memberOf, objectAt, textAt } from './json.ts'
import { type PodResources, readResources } from './pod-resources.ts'

export interface PodFacts extends ProviderFacts {
  /** As written; a value that is no string is somebody's YAML without quotes. */
  annotations: JsonObject
  /** Names of the pod's own containers, init containers first; ours are left out. */
  containers: readonly string[]
  /** The one user id, other than 0, with which every container of the pod runs. */
  commonUserId: number | undefined
  /** The pod's volumes belong to a group that all of its containers are in. */
  hasVolumeGroup: boolean
  hostNetwork: boolean
  resources: PodResources
}

/** A DNS label; the API server checks it only after us. */
const MAXIMUM_NAME_CHARACTERS = 63

const OURS: readonly string[] = [SIDECAR_CONTAINER, FETCH_CONTAINER]

export function isOurs(container: JsonObject): boolean {
  return OURS.includes(String(container['name']))
}

/**
 * @param namespace of the review, since the pod's own may still be empty
 * @throws ProjectorError `input-malformed` where the pod is not shaped like one
 */
export function readPod(pod: JsonObject, namespace: string): PodFacts {
  const metadata = objectAt(pod, 'metadata', 'metadata')
  const spec = objectAt(pod, 'spec', 'spec')
  const containers = [
    ...listAt(spec, 'initContainers', 'spec.initContainers'),
    ...listAt(spec, 'containers', 'spec.containers'),
  ].filter((container) => !isOurs(container))
  return {
    podName: textAt(metadata, 'name', 'metadata.name'),
    namespace,
    serviceAccount: serviceAccountOf(spec),
    annotations: objectAt(metadata, 'annotations', 'metadata.annotations'),
    containers: containers.map(nameOf),
    commonUserId: commonUserId(spec, containers),
    hasVolumeGroup: memberOf(objectAt(spec, 'securityContext', 'spec.securityContext'), 'fsGroup') !== undefined,
    hostNetwork: memberOf(spec, 'hostNetwork') === true,
    resources: readResources(spec, containers),
  }
}

export function nameOf(container: JsonObject): string {
  const name = textAt(container, 'name', 'the name of a container')
  if (name === undefined) throw malformed('the name of a container', 'there')
  if (name.length > MAXIMUM_NAME_CHARACTERS)
    throw malformed('the name of a container', `at most ${MAXIMUM_NAME_CHARACTERS} characters`)
  return name
}

/** `serviceAccount` is the deprecated spelling that the API server keeps equal. */
function serviceAccountOf(spec: JsonObject): string {
  return (
    textAt(spec, 'serviceAccountName', 'spec.serviceAccountName') ??
    textAt(spec, 'serviceAccount', 'spec.serviceAccount') ??
    'default'
  )
}

/**
 * The kubelet keeps projected tokens private to a user only while all containers share it (FsUserFrom in
 * pkg/volume/util), so ours must not be the one that differs; 0 cannot be inherited under runAsNonRoot.
 */
function commonUserId(spec: JsonObject, containers: readonly JsonObject[]): number | undefined {
  const ofPod = userIdOf(spec, 'spec')
  const ids = new Set(containers.map((container) => userIdOf(container, nameOf(container)) ?? ofPod))
  const [id] = ids
  return ids.size === 1 && id !== 0 ? id : undefined
}

function userIdOf(holder: JsonObject, path: string): number | undefined {
  const context = objectAt(holder, 'securityContext', `securityContext of ${path}`)
  return integerAt(context, 'runAsUser', `securityContext.runAsUser of ${path}`)
}

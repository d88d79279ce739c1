/** Reads what a pod's own containers say about resources. Pure. */
import { type JsonObject, memberOf, objectAt } from './json.ts'
import { readQuantity } from './quantity.ts'

/** What the pod's own containers, init containers among them, have in common. */
export interface PodResources {
  /** Every one has a limit of processor time. */
  everyCpuLimited: boolean
  /** Every one has limits, and requests equal to them (kubernetes pkg/apis/core/v1/helper/qos). */
  guaranteed: boolean
  /** The pod has resources as a whole, within which its containers share. */
  podLevel: boolean
}

/** @throws ProjectorError `input-malformed` where resources are not shaped like resources */
export function readResources(spec: JsonObject, containers: readonly JsonObject[]): PodResources {
  const ofPod = objectAt(spec, 'resources', 'spec.resources')
  const each = containers.map(readContainer)
  return {
    everyCpuLimited: each.every(({ limits }) => isPositive(limits, 'cpu')),
    guaranteed: each.every(isGuaranteed),
    podLevel: memberOf(ofPod, 'requests') !== undefined || memberOf(ofPod, 'limits') !== undefined,
  }
}

interface Resources {
  requests: JsonObject
  limits: JsonObject
}

export function readContainer(container: JsonObject): Resources {
  const path = `resources of container ${container['name']}`
  const resources = objectAt(container, 'resources', path)
  return { requests: objectAt(resources, 'requests', path), limits: objectAt(resources, 'limits', path) }
}

/** The API server makes a request that is absent equal to its limit. */
export function isGuaranteed({ requests, limits }: Resources): boolean {
  return ['cpu', 'memory'].every((name) => {
    const [request, limit] = [memberOf(requests, name), memberOf(limits, name)]
    return isPositive(limits, name) && (request === undefined || readQuantity(request) === readQuantity(limit))
  })
}

function isPositive(limits: JsonObject, name: string): boolean {
  return (readQuantity(memberOf(limits, name)) ?? 0) > 0
}

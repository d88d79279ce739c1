/** Gives our containers resources with which neither a quota nor the pod's class of service breaks. Pure. */
import type { InjectionContext } from './context.ts'
import type { PodFacts } from './facts.ts'
import type { JsonObject } from './json.ts'
import { isGuaranteed, readContainer } from './pod-resources.ts'
import { readQuantity } from './quantity.ts'
import type { Settings } from './settings.ts'
import type { Allotment } from './value.ts'

const CPU = { request: '5m', limit: '100m' } as const
const MEMORY = { request: '32Mi', limit: '64Mi' } as const

type Asked = Pick<Settings, 'cpu' | 'memory'>

/**
 * What our containers get: what annotations say, else what keeps a Guaranteed pod one, else what the installation says.
 * Node starts for seconds under a small limit of processor time, so there is one only where the pod's own containers
 * all have one: a quota on limits lets no other pod in, and with less than {@link CPU}.limit ours would hold it up.
 */
export function resourcesOf(
  asked: Asked,
  { resources }: PodFacts,
  installed: InjectionContext['resources'],
): JsonObject {
  const wanted = { cpu: asked.cpu ?? installed?.cpu, memory: asked.memory ?? installed?.memory }
  // Requests of containers count against the pod's own, which may leave no room.
  if (resources.podLevel && wanted.cpu === undefined && wanted.memory === undefined) return {}
  const cpu = asked.cpu === undefined && resources.guaranteed ? same(installed?.cpu, CPU.limit) : wanted.cpu
  const memory =
    asked.memory === undefined && resources.guaranteed ? same(installed?.memory, MEMORY.limit) : wanted.memory
  const cpuRequest = cpu?.request ?? CPU.request
  const memoryRequest = memory?.request ?? MEMORY.request
  const cpuLimit = cpu?.limit ?? (resources.everyCpuLimited ? larger(cpuRequest, CPU.limit) : undefined)
  return {
    requests: { cpu: cpuRequest, memory: memoryRequest },
    limits: {
      ...(cpuLimit === undefined ? {} : { cpu: cpuLimit }),
      memory: memory?.limit ?? larger(memoryRequest, MEMORY.limit),
    },
  }
}

/** Request and limit alike, at least `minimum`. */
function same(installed: Allotment | undefined, minimum: string): Allotment {
  const amount = larger(installed?.limit ?? installed?.request ?? minimum, minimum)
  return { request: amount, limit: amount }
}

function larger(one: string, other: string): string {
  return (readQuantity(one) ?? 0) > (readQuantity(other) ?? 0) ? one : other
}

/** Whether a pod that would be Guaranteed without us is Burstable with these. */
export function losesGuarantee(ours: JsonObject, { resources }: PodFacts): boolean {
  return resources.guaranteed && !resources.podLevel && !isGuaranteed(readContainer({ resources: ours }))
}

/** Says in a policy's status what the signer made of it, and whether the status says so already. Pure. */
import type { PolicyVerdict } from '../policy/cluster.ts'

/** As metav1.Condition. */
export interface Condition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  observedGeneration?: number
  /** RFC 3339. */
  lastTransitionTime: string
  reason: string
  message: string
}

const READY = 'Ready'
/** The API server takes 32768. */
const MESSAGE_CHARACTERS = 4096

/**
 * The conditions to write; those of others stay. Only what the object itself says goes in: replicas that read it at
 * different times must not disagree about its status.
 * @param now RFC 3339
 * @returns undefined where the status says it already
 */
export function conditionsOf(
  { object, problems }: Pick<PolicyVerdict, 'object' | 'problems'>,
  now: string,
): Condition[] | undefined {
  const existing = conditionsIn(object['status'])
  const before = existing.find(({ type }) => type === READY)
  const next = readiness(problems, object.metadata.generation)
  if (before !== undefined && isSame(before, next)) return undefined
  const lastTransitionTime = before?.status === next.status ? before.lastTransitionTime : now
  return [...existing.filter(({ type }) => type !== READY), { ...next, lastTransitionTime }]
}

type Verdict = Omit<Condition, 'lastTransitionTime'>

function readiness(problems: readonly string[], generation: number | undefined): Verdict {
  const observed = generation === undefined ? {} : { observedGeneration: generation }
  if (problems.length === 0) {
    return { type: READY, status: 'True', ...observed, reason: 'InForce', message: 'the policy is in force' }
  }
  const message = `${problems.join('; ')}; a form that was valid before stays in force where it was read`
  return { type: READY, status: 'False', ...observed, reason: 'Invalid', message: message.slice(0, MESSAGE_CHARACTERS) }
}

function isSame(before: Verdict, next: Verdict): boolean {
  const keys = ['status', 'observedGeneration', 'reason', 'message'] as const
  return keys.every((key) => before[key] === next[key])
}

function conditionsIn(status: unknown): Condition[] {
  const { conditions } = (status ?? {}) as { conditions?: unknown }
  return Array.isArray(conditions) ? (conditions as Condition[]) : []
}

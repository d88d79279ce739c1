/** Writes into the status of every AudiencePolicy whether it is in force, and only when that changed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isConflict, isNotFound } from '../kubernetes/client.ts'
import type { FollowDeps } from '../kubernetes/follow.ts'
import { AUDIENCE_POLICIES, objectPath } from '../kubernetes/object.ts'
import type { ClusterPolicySource, PolicyVerdict } from '../policy/cluster.ts'
import { type Condition, conditionsOf } from './policy-condition.ts'

export interface PolicyStatusDeps extends FollowDeps {
  /** Unix milliseconds. */
  now(): number
}

/** Long enough that one of several replicas writes and the others see it, short enough for a person who waits. */
const SETTLE_MS = { least: 50, more: 600 } as const
const AGAIN_MS = 10_000
/** Replicas of two versions may word a condition differently, and must not write in turn for ever. */
const SAME_AGAIN_MS = 60_000

/** Writes whenever `policies` change, until it is closed. A status that cannot be written is logged and tried again. */
export function keepPolicyStatus(
  policies: Pick<ClusterPolicySource, 'verdicts' | 'onChange'>,
  deps: PolicyStatusDeps,
): { close(): Promise<void> } {
  const ending = new AbortController()
  const written = new Map<string, { said: string; at: number }>()
  let pending = false
  let working: Promise<void> = Promise.resolve()

  function look(): void {
    if (pending || ending.signal.aborted) return
    pending = true
    working = writeAll()
  }

  /** After a while, and then from the newest verdicts: another replica may have been first. */
  async function writeAll(): Promise<void> {
    await pause(SETTLE_MS.least + SETTLE_MS.more * deps.random())
    pending = false
    const results = await Promise.all(policies.verdicts().map(writeOne))
    forgetAbsent()
    if (results.includes(false) && !ending.signal.aborted) {
      await pause(AGAIN_MS * (0.5 + deps.random()))
      look()
    }
  }

  /** @returns false where it is to be tried again */
  async function writeOne(verdict: PolicyVerdict): Promise<boolean> {
    const conditions = conditionsOf(verdict, timeOf(deps.now()))
    if (ending.signal.aborted || conditions === undefined || wasSaid(verdict, conditions)) return true
    const { name, resourceVersion } = verdict.object.metadata
    const body = { metadata: { resourceVersion }, status: { conditions } }
    try {
      await deps.client.patch(`${objectPath(AUDIENCE_POLICIES, name)}/status`, body, 'application/merge-patch+json')
      return true
    } catch (error) {
      written.delete(keyOf(verdict))
      // Whoever was first, the change arrives and is looked at again.
      if (isConflict(error) || isNotFound(error)) return true
      deps.log.warn({ err: error, policy: name }, 'the status of an AudiencePolicy cannot be written')
      return false
    }
  }

  function wasSaid(verdict: PolicyVerdict, conditions: readonly Condition[]): boolean {
    const said = JSON.stringify(conditions.map(({ lastTransitionTime: _time, ...rest }) => rest))
    const before = written.get(keyOf(verdict))
    const at = deps.now()
    if (before?.said === said && at - before.at < SAME_AGAIN_MS) return true
    written.set(keyOf(verdict), { said, at })
    return false
  }

  function forgetAbsent(): void {
    const present = new Set(policies.verdicts().map(keyOf))
    for (const key of written.keys()) if (!present.has(key)) written.delete(key)
  }

  async function pause(delayMs: number): Promise<void> {
    await sleep(delayMs, undefined, { signal: ending.signal, ref: false }).catch(() => undefined)
  }

  policies.onChange(look)
  look()
  return {
    async close() {
      ending.abort()
      await working
    },
  }
}

function keyOf({ object }: PolicyVerdict): string {
  return object.metadata.uid ?? object.metadata.name
}

/** Kubernetes' times have no fractions of seconds. */
function timeOf(now: number): string {
  return new Date(now).toISOString().replace(/\.\d+Z$/, 'Z')
}

/** Follows the AudiencePolicies of the cluster and keeps the last valid form of every one in force. */
import { type FollowDeps, follow } from '../kubernetes/follow.ts'
import { AUDIENCE_POLICIES, type KubernetesObject } from '../kubernetes/object.ts'
import type { AudiencePolicy } from './document.ts'
import type { PolicySource } from './file.ts'
import { keepLastValid } from './keep.ts'
import { type PolicyReading, readPolicyObject } from './object.ts'

/** A policy as it was read, and what is wrong with it. */
export interface PolicyVerdict {
  object: KubernetesObject
  problems: readonly string[]
  /** Whether a form of it is in force: this one, or an earlier one that was valid. */
  inForce: boolean
}

export interface ClusterPolicySource extends PolicySource {
  /** Of every AudiencePolicy there is. */
  verdicts(): readonly PolicyVerdict[]
  /** Calls back after every change, its verdicts already there. */
  onChange(callback: () => void): void
}

/** Never fails: until the first list is there `unready` says why it is not. */
export function followPolicies(deps: FollowDeps): ClusterPolicySource {
  let policies: readonly AudiencePolicy[] = []
  let verdicts: readonly PolicyVerdict[] = []
  const listeners: (() => void)[] = []
  let known: ReadonlyMap<string, PolicyReading> = new Map()

  function take(objects: readonly KubernetesObject[]): void {
    const entries = objects.map((object) => {
      const form = formOf(object)
      return [form, known.get(form) ?? readPolicyObject(object)] as const
    })
    const readings = entries.map(([, reading]) => reading)
    const isNews = entries.length !== known.size || entries.some(([form]) => !known.has(form))
    known = new Map(entries)
    policies = keepLastValid(policies, {
      policies: readings.flatMap(({ policy }) => policy ?? []),
      problems: [],
      invalid: readings.filter(({ policy }) => policy === undefined).map(({ name }) => name),
    })
    const inForce = new Set(policies.map(({ name }) => name))
    verdicts = objects.map((object, index) => ({
      object,
      problems: readings[index]?.problems ?? [],
      inForce: inForce.has(object.metadata.name),
    }))
    if (isNews) tell(readings)
    for (const callback of listeners) callback()
  }

  function tell(readings: readonly PolicyReading[]): void {
    deps.log.info({ policies: policies.length }, 'policies read')
    for (const { name, problems } of readings) {
      if (problems.length > 0) {
        deps.log.error({ policy: name, problems }, 'an AudiencePolicy has mistakes; its last valid form stays in force')
      }
    }
  }

  const following = follow({ collection: AUDIENCE_POLICIES }, take, deps)
  return {
    current: () => policies,
    problems: () =>
      verdicts.flatMap(({ object, problems }) => problems.map((problem) => `${object.metadata.name}: ${problem}`)),
    unready: following.unready,
    verdicts: () => verdicts,
    onChange: (callback) => void listeners.push(callback),
    close: following.close,
  }
}

/** Names one form of an object: its status changes without a new generation, and five hundred of those are read once. */
function formOf({ metadata }: KubernetesObject): string {
  return `${metadata.name} ${metadata.uid} ${metadata.generation ?? metadata.resourceVersion}`
}

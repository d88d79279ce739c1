/** Keeps the last valid form of every policy while its newest document is broken. Pure. */
import type { AudiencePolicy, ParsedPolicies } from './document.ts'

/**
 * The rules in force after a new reading.
 * A document that is gone is gone; one that is broken keeps its old form; when a broken document's name
 * is unreadable, every old rule that the reading does not mention stays, because it may be the one.
 */
export function keepLastValid(previous: readonly AudiencePolicy[], parsed: ParsedPolicies): readonly AudiencePolicy[] {
  const mentioned = new Set(parsed.policies.map((policy) => policy.name))
  const anyNameless = parsed.invalid.includes(undefined)
  const kept = previous.filter(
    (policy) => !mentioned.has(policy.name) && (anyNameless || parsed.invalid.includes(policy.name)),
  )
  return [...parsed.policies, ...kept]
}

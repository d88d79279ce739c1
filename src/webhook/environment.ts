/** Adds a provider's variables to a container: all of them, or none. Pure. */
import { type Refusal, refuse } from '../errors.ts'
import type { Variable } from '../providers/provider.ts'
import { covers, type Ensured } from './ensure.ts'
import { type JsonObject, memberOf } from './json.ts'
import type { VariableGroup } from './tokens.ts'

export interface EnvironmentRules {
  groups: readonly VariableGroup[]
  onConflict: 'refuse' | 'keep'
  /** Whole name of the annotation that a person can change. */
  conflictAnnotation: string
}

/**
 * The variables of container `name`, with ours behind theirs. What a container takes by `envFrom` stands in objects
 * that admission does not see; `env` wins over it, so ours does.
 */
export function environmentOf(
  name: string,
  env: readonly JsonObject[],
  rules: EnvironmentRules,
): Ensured<JsonObject[]> {
  const value = [...env]
  const refusals: Refusal[] = []
  for (const group of rules.groups) {
    const conflicts = conflictsOf(group, env)
    if (conflicts.length === 0) value.push(...missing(group, env))
    else if (rules.onConflict === 'refuse')
      refusals.push(...conflicts.map((each) => conflict(name, each, group, rules)))
  }
  return { value, refusals }
}

/** Names that the container sets to something else; its own trigger variable is none, unless it is empty. */
function conflictsOf(group: VariableGroup, env: readonly JsonObject[]): string[] {
  const foreign = group.variables.filter((variable) => {
    const theirs = effective(env, variable.name)
    return theirs !== undefined && !covers(theirs, toEnv(variable))
  })
  const [only, ...more] = foreign
  const triggers = only !== undefined && more.length === 0 && only.name === group.trigger
  return triggers && isSet(effective(env, only.name)) ? [] : foreign.map(({ name }) => name)
}

function missing(group: VariableGroup, env: readonly JsonObject[]): JsonObject[] {
  return group.variables.filter(({ name }) => effective(env, name) === undefined).map(toEnv)
}

function toEnv(variable: Variable): JsonObject {
  if ('value' in variable) return { name: variable.name, value: variable.value }
  return { name: variable.name, valueFrom: { fieldRef: { fieldPath: variable.fieldPath } } }
}

/** Of several entries with one name the last is the one that the kubelet sets. */
export function effective(env: readonly JsonObject[], name: string): JsonObject | undefined {
  return env.findLast((entry) => entry['name'] === name)
}

function isSet(entry: JsonObject | undefined): boolean {
  if (entry === undefined) return false
  return memberOf(entry, 'valueFrom') !== undefined || (memberOf(entry, 'value') ?? '') !== ''
}

function conflict(container: string, variable: string, { askedBy }: VariableGroup, rules: EnvironmentRules): Refusal {
  return refuse(
    'variable-conflict',
    `container ${container} already sets ${variable}, which ${askedBy} sets too; remove it there, or set ${rules.conflictAnnotation}: keep`,
  )
}

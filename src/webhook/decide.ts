/** Decides what a pod gets: an injection, as data, or refusals. Pure. */
import { closest } from 'fastest-levenshtein'
import { isRefusal, type Refusal, refuse } from '../errors.ts'
import { decide as decidePolicy } from '../policy/decide.ts'
import type { InjectionContext } from './context.ts'
import type { EnvironmentRules } from './environment.ts'
import type { PodFacts } from './facts.ts'
import type { JsonObject } from './json.ts'
import { losesGuarantee, resourcesOf } from './resources.ts'
import type { Settings } from './settings.ts'
import { ownContainers, volumesOf } from './sidecar.ts'
import type { TokenSettings } from './tokens.ts'

/** Everything that `inject` adds to a pod. */
export interface Injection extends EnvironmentRules {
  volumes: JsonObject[]
  /** Our init containers, in their order. */
  own: JsonObject[]
  /** Names of the pod's containers that get no mount and no variables. */
  skipped: ReadonlySet<string>
  status: { annotation: string; value: string }
}

export type Decision =
  | { outcome: 'refused'; refusals: Refusal[] }
  | { outcome: 'injected'; injection: Injection; warnings: string[] }

export function decide(settings: Settings, facts: PodFacts, context: InjectionContext): Decision {
  const verdicts = context.policyCheck === 'off' ? [] : settings.tokens.map((token) => judge(token, facts, context))
  const denials = verdicts.flatMap(({ denial }) => denial ?? [])
  const refusals = [
    ...unknownContainers(settings, facts, context.prefix),
    ...unreadable(settings, facts, context.prefix),
  ]
  if (context.policyCheck === 'refuse') refusals.push(...denials)
  if (refusals.length > 0) return { outcome: 'refused', refusals }
  const warnings = verdicts.flatMap(({ warning, denial }) => warning ?? denial?.message ?? [])
  warnings.push(...serviceClass(settings, facts, context))
  return { outcome: 'injected', injection: injectionOf(settings, facts, context), warnings }
}

interface Verdict {
  denial?: Refusal
  warning?: string
}

/** A life that somebody asked for and policy shortens is worth a word; the default one is not. */
function judge(token: TokenSettings, facts: PodFacts, { policies, reserved }: InjectionContext): Verdict {
  const { namespace, serviceAccount } = facts
  const { name, audience, ttlSeconds, ttlAnnotation } = token
  const grant = decidePolicy(policies, { namespace, serviceAccount, audience, ttlSeconds }, reserved)
  if (isRefusal(grant)) return { denial: grant }
  if (ttlAnnotation === undefined || grant.ttlSeconds >= ttlSeconds) return {}
  return {
    warning: `${ttlAnnotation}: AudiencePolicy ${grant.policy} shortens the life of the token ${name} to ${grant.ttlSeconds} s`,
  }
}

/** Only what a person asks for can cost the pod its class: everything else is chosen so that it stays. */
function serviceClass(settings: Settings, facts: PodFacts, { prefix, resources }: InjectionContext): string[] {
  if (!losesGuarantee(resourcesOf(settings, facts, resources), facts)) return []
  return [
    `${prefix}sidecar-cpu and ${prefix}sidecar-memory make a Guaranteed pod Burstable; give each one value as request/limit, or leave them out`,
  ]
}

function injectionOf(settings: Settings, facts: PodFacts, context: InjectionContext): Injection {
  return {
    volumes: volumesOf(context.identityAudience),
    own: ownContainers(settings, facts, context),
    skipped: new Set(facts.containers.filter((name) => !receives(name, settings))),
    groups: settings.groups,
    onConflict: settings.onConflict,
    conflictAnnotation: `${context.prefix}on-conflict`,
    status: { annotation: `${context.prefix}status`, value: `injected ${context.version}` },
  }
}

/** A mode that keeps the application itself out would let the pod start and fail every read. */
function unreadable({ fileMode }: Settings, facts: PodFacts, prefix: string): Refusal[] {
  const [, , group, others] = fileMode
  const isReadable = others === '4' || facts.commonUserId !== undefined || (group === '4' && facts.hasVolumeGroup)
  if (isReadable) return []
  return [
    refuse(
      'bad-annotation-value',
      `${prefix}file-mode is ${fileMode}, which the containers cannot read: they have neither one runAsUser in common nor, for a mode that their group may read by, an fsGroup; set one of them, or use 0644`,
    ),
  ]
}

function receives(name: string, { containers, skipContainers }: Settings): boolean {
  return !skipContainers.includes(name) && (containers === undefined || containers.includes(name))
}

function unknownContainers({ containers = [], skipContainers }: Settings, facts: PodFacts, prefix: string): Refusal[] {
  const unknown = (suffix: string, names: readonly string[]) =>
    names
      .filter((name) => !facts.containers.includes(name))
      .map((name) => {
        const nearest = closest(name, [...facts.containers])
        return refuse(
          'unknown-container',
          `${prefix}${suffix} names ${name}, which is no container of the pod; the nearest is ${nearest}`,
        )
      })
  return [...unknown('containers', containers), ...unknown('skip-containers', skipContainers)]
}

/** Decides which service account may have a token for which audience; denies unless a rule allows. Pure. */
import { AZURE_MINIMUM_TTL_SECONDS, EXCHANGE_MINIMUM_TTL_SECONDS } from '../contract.ts'
import { type Refusal, refuse } from '../errors.ts'
import { redact } from '../redact.ts'
import type { AudiencePolicy, ClaimsProfile } from './document.ts'

/** What API servers call themselves by default; a token with one of these would be a login to the cluster. */
export const WELL_KNOWN_RESERVED_AUDIENCES: readonly string[] = [
  'api',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  'https://kubernetes.default',
  'https://kubernetes.default.svc',
  'https://kubernetes.default.svc.cluster.local',
]

/** Azure's audiences in all of its clouds begin like this. */
const AZURE_AUDIENCE = 'api://AzureADTokenExchange'

/** The shortest life, in seconds, that the clients of `audience` can use. */
export function minimumTtlSeconds(audience: string): number {
  return audience.startsWith(AZURE_AUDIENCE) ? AZURE_MINIMUM_TTL_SECONDS : EXCHANGE_MINIMUM_TTL_SECONDS
}

export interface Ask {
  namespace: string
  serviceAccount: string
  audience: string
  ttlSeconds: number
}

export interface Grant {
  /** Name of the policy that decided. */
  policy: string
  /** At most what was asked for. */
  ttlSeconds: number
  claims: ClaimsProfile
}

/**
 * Among matching Allows the first by name decides; a matching Deny always wins; `reserved` wins over both.
 * @returns a refusal whose message names the rule that is missing or in the way
 */
export function decide(policies: readonly AudiencePolicy[], ask: Ask, reserved: ReadonlySet<string>): Grant | Refusal {
  // A token that was pasted as an audience is shown to nobody.
  const audience = redact(ask.audience)
  const who = `service account ${ask.namespace}/${ask.serviceAccount}`
  if (reserved.has(ask.audience)) {
    return refuse(
      'reserved-audience',
      `the audience ${audience} belongs to the API server or to the signer itself and is given to nobody; ask for the audience of the service that reads the token`,
    )
  }
  const matching = policies.filter((policy) => matches(policy, ask)).sort((a, b) => (a.name < b.name ? -1 : 1))
  const deny = matching.find((policy) => policy.effect === 'Deny')
  if (deny !== undefined) {
    return refuse('denied-by-policy', `AudiencePolicy ${deny.name} denies ${who} the audience ${audience}`)
  }
  const [allow] = matching
  if (allow === undefined) {
    return refuse(
      'no-matching-policy',
      `no AudiencePolicy allows ${who} the audience ${audience}; add one with from.namespaces [${ask.namespace}], from.serviceAccounts [${ask.serviceAccount}], to.audiences [${audience}]`,
    )
  }
  return grant(allow, ask)
}

function grant(policy: AudiencePolicy, ask: Ask): Grant | Refusal {
  const ttlSeconds = Math.min(ask.ttlSeconds, policy.maxTtlSeconds)
  if (ask.audience.startsWith(AZURE_AUDIENCE) && ttlSeconds < AZURE_MINIMUM_TTL_SECONDS) {
    return refuse(
      'ttl-not-usable',
      `AudiencePolicy ${policy.name} and the pod leave an Azure token ${ttlSeconds} s, and its clients hold one for ten minutes; ask for and allow at least ${AZURE_MINIMUM_TTL_SECONDS} s`,
    )
  }
  return { policy: policy.name, ttlSeconds, claims: policy.claims }
}

function matches(policy: AudiencePolicy, ask: Ask): boolean {
  return (
    policy.namespaces.some((pattern) => matchesName(pattern, ask.namespace)) &&
    policy.serviceAccounts.some((pattern) => matchesName(pattern, ask.serviceAccount)) &&
    (policy.audiences.includes(ask.audience) || policy.audiences.includes('*'))
  )
}

function matchesName(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}

/** The verb `explain`: what a service account would be given for an audience, and why, by the signer's own code. */
import type { CallerFacts } from '../contract.ts'
import { isRefusal } from '../errors.ts'
import { WELL_KNOWN_RESERVED_AUDIENCES } from '../policy/decide.ts'
import { grantToken, type TokenGrant } from '../signer/grant.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import { readPolicies } from './policies.ts'

export interface ExplainOptions {
  policyFile: string
  issuer: string
  organization: string
  cluster: string
  namespace: string
  serviceAccount: string
  audience: string
  ttlSeconds: number
  identityAudience: string
  /** `json` is for programs. */
  output: 'text' | 'json'
}

/** What only a running pod has, as a person reads it. */
const PENDING = { uid: '<uid>', pod: '<pod>', node: '<node>' }
/** Every token has its own of these. */
const PER_TOKEN = ['iat', 'nbf', 'exp', 'jti']

/**
 * Writes the grant; a refusal is an outcome, with the exit code that the exchange's callers end with.
 * @throws ProjectorError `configuration-invalid` where the policy file has mistakes
 */
export async function explain(options: ExplainOptions, writeOut: (text: string) => void): Promise<Outcome> {
  const grant = grantToken({
    ask: options,
    caller: callerOf(options),
    policies: await readPolicies(options.policyFile),
    reserved: new Set([...WELL_KNOWN_RESERVED_AUDIENCES, options.identityAudience]),
    issuer: { url: options.issuer, organization: options.organization },
    now: 0,
    jti: '',
  })
  if (isRefusal(grant)) return outcomeOf([grant])
  writeOut(options.output === 'json' ? `${JSON.stringify(answerOf(grant), null, 2)}\n` : textOf(grant, options))
  return { exitCode: 0, messages: [] }
}

/** As the API server would vouch for a pod of that service account that lives. */
function callerOf({ cluster, namespace, serviceAccount }: ExplainOptions): CallerFacts {
  return {
    cluster,
    namespace,
    serviceAccount: { name: serviceAccount, uid: PENDING.uid },
    pod: { name: PENDING.pod, uid: PENDING.uid },
    node: { name: PENDING.node, uid: PENDING.uid },
    expiresAt: 0,
    isConfirmed: true,
  }
}

function answerOf({ policy, ttlSeconds, claims }: TokenGrant) {
  return { policy, ttlSeconds, claims: Object.fromEntries(lasting(claims)) }
}

function lasting(claims: TokenGrant['claims']): [string, string | number][] {
  return Object.entries(claims).filter(([name]) => !PER_TOKEN.includes(name))
}

function textOf({ policy, ttlSeconds, claims }: TokenGrant, { namespace, serviceAccount }: ExplainOptions): string {
  const lines = [
    `granted by AudiencePolicy ${policy}: service account ${namespace}/${serviceAccount}, ${ttlSeconds} s`,
    ...lasting(claims).map(([name, value]) => `  ${name}: ${value}`),
    `  ${PER_TOKEN.join(', ')}: each token's own`,
  ]
  return `${lines.join('\n')}\n`
}

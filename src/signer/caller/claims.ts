/** Judges the claims of a subject token whose signature is good: fresh, for us alone, and bound to a living pod's name. Pure. */
import { z } from 'zod'
import type { CallerFacts } from '../../contract.ts'
import { type Refusal, refuse } from '../../errors.ts'

export interface Expectation {
  /** Name of the cluster that issued the token. */
  cluster: string
  identityAudience: string
  /** Unix seconds. */
  now: number
}

/** How far a cluster's clock may be from ours; contract and RFC 8725 want it small. */
const LEEWAY_SECONDS = 10
/** Claim names of tokens from before token requests; those live in Secrets and never expire. */
const LEGACY_CLAIM = 'kubernetes.io/serviceaccount/namespace'

const name = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/)
const namespace = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
const uid = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/)
const seconds = z.number().nonnegative()

const registered = z.object({
  sub: z.string(),
  aud: z.union([z.string().transform((one) => [one]), z.array(z.string()).min(1)]),
  exp: seconds,
  iat: seconds.optional(),
  nbf: seconds.optional(),
  jti: z.string().max(255).optional(),
})
type Registered = z.output<typeof registered>

const bound = z.object({
  namespace,
  serviceaccount: z.object({ name, uid }),
  pod: z.object({ name, uid }),
  node: z.object({ name, uid: uid.optional() }).optional(),
})
type Bound = z.output<typeof bound>

/** @param payload the token's verified claims set, as the API server makes it (kubernetes pkg/serviceaccount/claims.go) */
export function callerOf(payload: unknown, expected: Expectation): CallerFacts | Refusal {
  const claims = registered.safeParse(payload)
  if (!claims.success) return malformed(payload)
  const refusal = timesProblem(claims.data, expected.now) ?? audienceProblem(claims.data.aud, expected.identityAudience)
  if (refusal !== undefined) return refusal
  const binding = bindingOf(payload)
  if ('refused' in binding) return binding
  return subjectProblem(claims.data.sub, binding) ?? factsOf(claims.data, binding, expected.cluster)
}

function malformed(payload: unknown): Refusal {
  const legacy = typeof payload === 'object' && payload !== null && LEGACY_CLAIM in payload
  return refuse(
    'subject-token-malformed',
    legacy
      ? 'the subject token is a legacy token from a Secret; mount a projected service account token instead'
      : 'the subject token does not carry sub, aud and exp as a service account token does',
  )
}

function timesProblem({ exp, nbf, iat }: Registered, now: number): Refusal | undefined {
  if (exp <= now - LEEWAY_SECONDS) {
    return expired(`expired ${Math.floor(now - exp)} s ago; read it again from its file, the kubelet renews it there`)
  }
  const notBefore = Math.max(nbf ?? 0, iat ?? 0)
  if (notBefore > now + LEEWAY_SECONDS) {
    return expired(`is valid only in ${Math.ceil(notBefore - now)} s; set the clocks of cluster and signer right`)
  }
  return undefined
}

function expired(what: string): Refusal {
  return refuse('subject-token-expired', `the subject token ${what}`)
}

/** A token that someone else accepts too is a token that someone else can bring here. */
function audienceProblem(audiences: readonly string[], identityAudience: string): Refusal | undefined {
  if (audiences.length === 1 && audiences[0] === identityAudience) return undefined
  return refuse(
    'subject-token-audience',
    `the subject token is for ${listed(audiences)} and must be for ${identityAudience} alone; set audience: ${identityAudience} in the pod's projected volume`,
  )
}

function listed(audiences: readonly string[]): string {
  const shown = audiences.slice(0, 4).map((audience) => audience.slice(0, 255))
  return audiences.length > shown.length ? `${shown.join(', ')} and others` : shown.join(' and ')
}

function bindingOf(payload: unknown): Bound | Refusal {
  const kubernetes = (payload as Record<string, unknown>)['kubernetes.io']
  const podless = typeof kubernetes === 'object' && kubernetes !== null && !('pod' in kubernetes)
  if (kubernetes === undefined || podless) {
    return refuse(
      'subject-token-not-pod-bound',
      'the subject token is bound to no pod; send the token of a projected volume, not one from a Secret or from kubectl create token',
    )
  }
  const binding = bound.safeParse(kubernetes)
  if (binding.success) return binding.data
  return refuse(
    'subject-token-malformed',
    'the subject token names its namespace, service account, pod or node wrongly',
  )
}

function subjectProblem(subject: string, { namespace, serviceaccount }: Bound): Refusal | undefined {
  if (subject === `system:serviceaccount:${namespace}:${serviceaccount.name}`) return undefined
  return refuse('subject-token-malformed', "the subject token's sub is not the service account that it is bound to")
}

function factsOf(claims: Registered, binding: Bound, cluster: string): CallerFacts {
  const { namespace, serviceaccount, pod, node } = binding
  return {
    cluster,
    namespace,
    serviceAccount: serviceaccount,
    pod,
    ...(node === undefined ? {} : { node: node.uid === undefined ? { name: node.name } : { ...node, uid: node.uid } }),
    expiresAt: Math.floor(claims.exp),
    ...(claims.jti === undefined ? {} : { credentialId: claims.jti }),
  }
}

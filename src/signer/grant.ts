/** Decides what a caller's token says and how long it lives, or why there is none. Pure. */
import { type CallerFacts, EXCHANGE_MINIMUM_TTL_SECONDS } from '../contract.ts'
import { isRefusal, type Refusal, refuse } from '../errors.ts'
import { claimsOf } from '../policy/claims.ts'
import { decide, minimumTtlSeconds } from '../policy/decide.ts'
import type { AudiencePolicy } from '../policy/document.ts'
import { subjectOf } from '../policy/subject.ts'
import type { IssuerSettings } from './config-file.ts'

/** The registered claims of RFC 7519 that every token carries, and what the profile adds. */
export interface TokenClaims {
  [claim: string]: string | number
  iss: string
  sub: string
  aud: string
  iat: number
  nbf: number
  exp: number
  jti: string
}

export interface TokenGrant {
  /** Name of the policy that allowed it. */
  policy: string
  ttlSeconds: number
  claims: TokenClaims
}

/** What a grant is decided by. */
export interface GrantInput {
  ask: { audience: string; ttlSeconds: number }
  caller: CallerFacts
  policies: readonly AudiencePolicy[]
  reserved: ReadonlySet<string>
  issuer: Pick<IssuerSettings, 'url' | 'organization'>
  /** Unix seconds. */
  now: number
  /** Unique for ever: a UUIDv4. */
  jti: string
}

/** A verifier whose clock is a little behind ours takes the token at once. */
const NOT_BEFORE_SECONDS = 30

/** Where nobody was asked whether the pod still lives, the grant ends with the subject token. */
export function grantToken(input: GrantInput): TokenGrant | Refusal {
  const { ask, caller, policies, reserved, issuer, now } = input
  if (policies.length === 0) {
    return refuse(
      'policy-unavailable',
      'the signer has no valid AudiencePolicy; add or correct one, its log says what is wrong',
    )
  }
  const { namespace, serviceAccount } = caller
  const decision = decide(policies, { ...ask, namespace, serviceAccount: serviceAccount.name }, reserved)
  if (isRefusal(decision)) return decision
  const subject = subjectOf(issuer.organization, caller)
  if (isRefusal(subject)) return subject
  const leftSeconds = caller.isConfirmed ? Number.POSITIVE_INFINITY : caller.expiresAt - now
  const ttlSeconds = Math.min(decision.ttlSeconds, leftSeconds)
  if (ttlSeconds < EXCHANGE_MINIMUM_TTL_SECONDS) return tooLate(leftSeconds)
  if (ttlSeconds < minimumTtlSeconds(ask.audience)) return tooShort(ask.audience, ttlSeconds)
  const extra = claimsOf(decision.claims, issuer.organization, caller)
  return { policy: decision.policy, ttlSeconds, claims: tokenClaims(input, subject, ttlSeconds, extra) }
}

/** Not a refusal for good: the kubelet renews the subject token when a fifth of its life is left. */
function tooShort(audience: string, leftSeconds: number): Refusal {
  return refuse(
    'subject-token-ending',
    `the subject token has ${leftSeconds} s left, and a token for ${audience} needs ${minimumTtlSeconds(audience)} s, never longer than its subject token; try again when the kubelet has renewed it`,
  )
}

function tooLate(leftSeconds: number): Refusal {
  return refuse(
    'subject-token-expired',
    `the subject token has ${Math.max(0, leftSeconds)} s left and a token lives ${EXCHANGE_MINIMUM_TTL_SECONDS} s or more, never longer than its subject token; read the subject token again from its file, the kubelet renews it there`,
  )
}

function tokenClaims(
  { issuer, ask, now, jti }: GrantInput,
  sub: string,
  ttlSeconds: number,
  extra: Record<string, string>,
): TokenClaims {
  const registered = {
    iss: issuer.url,
    sub,
    aud: ask.audience,
    iat: now,
    nbf: now - NOT_BEFORE_SECONDS,
    exp: now + ttlSeconds,
    jti,
  }
  // Twice: first for the order that people read, last so that nothing can take a registered claim's place.
  return { ...registered, ...extra, ...registered }
}

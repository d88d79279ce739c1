/** Judges the claims of a web identity token whose signature holds, as AWS documents it. Pure. */
import type { Provider } from './account.ts'
import { type Fault, fault } from './fault.ts'

const REQUIRED = ['iss', 'aud', 'iat', 'sub', 'exp'] as const
const TIMES = ['iat', 'exp', 'nbf'] as const
/** AWS accepts a token until five minutes after its end, for clocks that differ. */
const SKEW_SECONDS = 300
const SUBJECT_CHARACTERS = { minimum: 6, maximum: 255 }

/** What the trust policy is held against. */
export interface Identity {
  issuer: string
  /** The value of the condition key `<issuer>:aud`: `azp` where the token has one, else `aud`. */
  audience: string
  subject: string
  jti?: string
}

/**
 * @param nowSeconds Unix seconds
 * @returns the identity, or the fault: absent or ill-typed is `InvalidIdentityToken`, an unacceptable value
 * `IDPRejectedClaim`. AWS does not publish where it draws that line; the codes and their meanings are its own.
 */
export function judgeClaims(claims: Record<string, unknown>, provider: Provider, nowSeconds: number): Identity | Fault {
  const missing = REQUIRED.find((name) => claims[name] === undefined)
  if (missing !== undefined) return fault('InvalidIdentityToken', `Missing a required claim: ${missing}`)
  const illTimed = TIMES.find((name) => claims[name] !== undefined && !Number.isSafeInteger(claims[name]))
  if (illTimed !== undefined) return fault('InvalidIdentityToken', `Claim ${illTimed} must be an integer`)
  const audience = audienceOf(claims, provider)
  if (audience === undefined) return fault('InvalidIdentityToken', 'Incorrect token audience')
  if (typeof claims['sub'] !== 'string') return fault('InvalidIdentityToken', 'Claim sub must be a string')
  return (
    judgeValues(claims['sub'], claims, nowSeconds) ?? {
      issuer: provider.issuer,
      audience,
      subject: claims['sub'],
      ...(typeof claims['jti'] === 'string' && { jti: claims['jti'] }),
    }
  )
}

function audienceOf(claims: Record<string, unknown>, { clientIds }: Provider): string | undefined {
  const audiences: unknown[] = [claims['azp'] ?? claims['aud']].flat()
  return audiences.find((audience): audience is string => typeof audience === 'string' && clientIds.includes(audience))
}

function judgeValues(subject: string, claims: Record<string, unknown>, nowSeconds: number): Fault | undefined {
  if (subject.length < SUBJECT_CHARACTERS.minimum || subject.length > SUBJECT_CHARACTERS.maximum) {
    const { minimum, maximum } = SUBJECT_CHARACTERS
    return fault('IDPRejectedClaim', `Claim sub has ${subject.length} characters; allowed are ${minimum} to ${maximum}`)
  }
  if (Number(claims['exp']) + SKEW_SECONDS < nowSeconds) {
    return fault(
      'ExpiredTokenException',
      `Token expired: current date/time ${nowSeconds} must be before the expiration`,
    )
  }
  const early = (['iat', 'nbf'] as const).find((name) => Number(claims[name] ?? 0) > nowSeconds + SKEW_SECONDS)
  return early && fault('IDPRejectedClaim', `Claim ${early} lies in the future`)
}

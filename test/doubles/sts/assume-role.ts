/** AssumeRoleWithWebIdentity: from a token and a role to a session, or to the error that AWS documents for it. */
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { type Provider, parseRoleArn, type Role } from './account.ts'
import { type Identity, judgeClaims } from './claims.ts'
import { type Fault, fault, isFault } from './fault.ts'
import { type AssumeParameters, parseAssumeParameters } from './parameters.ts'
import { type Fetch, verifyToken } from './provider.ts'
import type { Session, Sessions } from './sessions.ts'

const DENIED = 'Not authorized to perform sts:AssumeRoleWithWebIdentity'
const MAXIMUM_SHOWN_CHARACTERS = 256

export interface Account {
  providers: readonly Provider[]
  roles: readonly Role[]
  sessions: Sessions
  /** How long sessions live, whatever DurationSeconds says. */
  sessionSeconds: number
  /** Unix milliseconds. */
  now: () => number
  fetch: Fetch
}

/** What a log may say of a token, verified or not: names, never the token. */
export interface TokenFacts {
  kid?: string
  iss?: string
  sub?: string
  aud?: string
  jti?: string
}

export async function assumeRole(form: URLSearchParams, account: Account): Promise<Session | Fault> {
  const parameters = parseAssumeParameters(form)
  if (isFault(parameters)) return parameters
  const identity = await identityOf(parameters, account)
  if (isFault(identity)) return identity
  const role = account.roles.find(({ arn }) => arn === parameters.roleArn)
  // A role that does not exist and one that does not trust the caller look the same from outside.
  if (role === undefined || !trusts(role, identity)) return fault('AccessDenied', DENIED)
  const expiresAt = Math.floor(account.now() / 1000) + account.sessionSeconds
  return account.sessions.issue(role, parameters.roleSessionName, identity, expiresAt)
}

async function identityOf(
  { webIdentityToken, roleArn }: AssumeParameters,
  account: Account,
): Promise<Identity | Fault> {
  if (parseRoleArn(roleArn) === undefined) return fault('ValidationError', 'Request ARN is invalid')
  const issuer = tokenFacts(webIdentityToken).iss
  if (issuer === undefined) {
    return fault('InvalidIdentityToken', 'The ID Token provided is not a valid JWT with the required claim: iss')
  }
  const provider = account.providers.find((known) => known.issuer === issuer)
  if (provider === undefined) {
    return fault('InvalidIdentityToken', `No OpenIDConnect provider found in your account for ${issuer}`)
  }
  const verified = await verifyToken(webIdentityToken, provider, account.fetch)
  return isFault(verified) ? verified : judgeClaims(verified.claims, provider, Math.floor(account.now() / 1000))
}

/** StringEquals on both keys: whole and case-sensitive. */
function trusts({ trust }: Role, { issuer, audience, subject }: Identity): boolean {
  return trust.issuer === issuer && trust.aud === audience && trust.sub === subject
}

/** Reads a token's names without trusting them; nothing when it is no JWT. */
export function tokenFacts(token: string): TokenFacts {
  try {
    const { kid } = decodeProtectedHeader(token)
    const { iss, sub, aud, jti } = decodeJwt(token)
    const texts = Object.entries({ kid, iss, sub, aud, jti })
      .filter((entry): entry is [string, string] => typeof entry[1] === 'string')
      .map(([name, text]) => [name, text.slice(0, MAXIMUM_SHOWN_CHARACTERS)])
    return Object.fromEntries(texts)
  } catch {
    return {}
  }
}

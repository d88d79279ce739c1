/** Walks one request the whole way: parsed, its caller believed, policy asked, a token signed and checked. */
import { type CallerFacts, type ExchangeAnswer, JWT_TOKEN_TYPE } from '../contract.ts'
import { isRefusal, ProjectorError, type Refusal } from '../errors.ts'
import type { AudiencePolicy } from '../policy/document.ts'
import type { Authenticate } from './caller/jwks.ts'
import type { IssuerSettings } from './config-file.ts'
import { type ExchangeRequest, parseExchange } from './exchange.ts'
import { grantToken, type TokenGrant } from './grant.ts'
import type { TokenSigner } from './jws.ts'
import { outputProblem } from './output.ts'

export interface IssueDeps {
  issuer: IssuerSettings
  reserved: ReadonlySet<string>
  authenticate: Authenticate
  policies(): readonly AudiencePolicy[]
  signer: TokenSigner
  /** Milliseconds. */
  now(): number
  randomUUID(): string
  /** Starts a clock for the signature. @returns what stops it */
  startSigning(): () => void
}

/** What became of a request, and all that the audit may tell of it. */
export interface Outcome {
  /** The answer holds the token and goes to the caller alone. */
  result: { answer: ExchangeAnswer; grant: TokenGrant; kid: string } | Refusal
  asked?: Pick<ExchangeRequest, 'audience' | 'ttlSeconds'>
  caller?: CallerFacts
}

/**
 * @param body the parsed form
 * @throws when we could not do the job; everything that a caller or policy can bring about is a value
 */
export async function issue(body: unknown, deps: IssueDeps): Promise<Outcome> {
  const request = parseExchange(body)
  if (isRefusal(request)) return { result: request }
  const { subjectToken, ...asked } = request
  const caller = await deps.authenticate(subjectToken)
  if (isRefusal(caller)) return { result: caller, asked }
  const { issuer, reserved } = deps
  const now = Math.floor(deps.now() / 1000)
  const grant = grantToken({
    ask: asked,
    caller,
    policies: deps.policies(),
    reserved,
    issuer,
    now,
    jti: deps.randomUUID(),
  })
  return { result: isRefusal(grant) ? grant : await sign(grant, deps), asked, caller }
}

async function sign(grant: TokenGrant, { signer, issuer, startSigning }: IssueDeps): Promise<Outcome['result']> {
  const stop = startSigning()
  const token = await signer.sign(grant.claims)
  stop()
  const { alg, kid } = signer
  const intent = { alg, kid, claims: grant.claims, maxTokenBytes: issuer.maxTokenBytes }
  const verified = await signer.verify(token)
  const problem =
    verified === undefined ? "the signature is not the published key's" : outputProblem({ token, ...verified }, intent)
  if (typeof problem === 'string') throw new ProjectorError('internal', problem)
  return problem ?? { answer: answerOf(token, grant.ttlSeconds), grant, kid }
}

function answerOf(token: string, ttlSeconds: number): ExchangeAnswer {
  return { access_token: token, issued_token_type: JWT_TOKEN_TYPE, token_type: 'N_A', expires_in: ttlSeconds }
}

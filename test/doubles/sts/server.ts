/**
 * A double of AWS STS for tests: real HTTPS, real verification, real request signatures, invented accounts.
 *
 * It departs from AWS in one thing on purpose: sessions live 240 s unless told otherwise, where AWS gives 900 s at
 * least. AWS SDKs renew credentials that have less than 300 s left, so one client is seen to read its token file again
 * at every call. The one for JavaScript renews behind the call and signs it with what it has; give sessions fewer
 * seconds than lie between two calls, and the second call itself is signed with the renewed ones.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { accountProblems, type Provider, type Role } from './account.ts'
import { type Answer, assumeRoleAnswer, callerIdentityAnswer, faultAnswer } from './answer.ts'
import { type Account, assumeRole, type TokenFacts, tokenFacts } from './assume-role.ts'
import { identifyCaller } from './caller-identity.ts'
import { type Fault, fault, isFault } from './fault.ts'
import type { Fetch } from './provider.ts'
import { createSessions, type Session } from './sessions.ts'

export type { Provider, Role } from './account.ts'
export type { Session } from './sessions.ts'

export const DEFAULT_SESSION_SECONDS = 240
const VERSION = '2011-06-15'
/** A token has at most 20,000 characters, which percent-encoding may triple. */
const MAXIMUM_BODY_BYTES = 65_536
const FORM = /^application\/x-www-form-urlencoded\b/

/** One call as a log may show it. */
export interface StsEvent extends TokenFacts {
  action: string
  /** `ok` or the error's code. */
  outcome: string
  /** The error's sentence. */
  message?: string
  /** Of the session that was issued or that signed. */
  arn?: string
}

export interface StsOptions {
  providers: readonly Provider[]
  roles: readonly Role[]
  /** PEM. */
  tls: { cert: string; key: string }
  /** The address to listen on; loopback unless given. */
  host?: string
  /** How long every session lives, whatever DurationSeconds says. */
  sessionSeconds?: number
  /** Unix milliseconds. */
  now: () => number
  /** Reaches issuers; the platform's, which follows HTTPS_PROXY where NODE_USE_ENV_PROXY is set, unless given. */
  fetch?: Fetch
  onEvent?: (event: StsEvent) => void
}

export interface Sts {
  port: number
  /** `https://<host>:<port>`, for AWS_ENDPOINT_URL_STS. */
  url: string
  /** Every session issued, oldest first. */
  sessions(): Session[]
  stop(): Promise<void>
}

/**
 * Starts the double on a free port.
 * @throws TypeError naming every provider and role that IAM would not let one register
 */
export async function startSts(options: StsOptions): Promise<Sts> {
  const problems = accountProblems(options.providers, options.roles)
  if (problems.length > 0) throw new TypeError(problems.join('; '))
  const account: Account = {
    ...options,
    sessions: createSessions(),
    sessionSeconds: options.sessionSeconds ?? DEFAULT_SESSION_SECONDS,
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
  }
  const { host = '127.0.0.1' } = options
  const server = createServer(options.tls, (request, response) => {
    serve(request, response, account, options.onEvent ?? (() => {})).catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `https://${host}:${port}`,
    sessions: () => account.sessions.all(),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  account: Account,
  onEvent: (event: StsEvent) => void,
): Promise<void> {
  const body = await bodyOf(request)
  if (body === undefined) return void response.writeHead(413, { connection: 'close' }).end()
  const requestId = randomUUID()
  const { event, answer } = await answerTo(request, body, account, requestId)
  onEvent(event)
  response.writeHead(answer.status, { 'content-type': 'text/xml', 'x-amzn-requestid': requestId }).end(answer.body)
}

async function answerTo(
  request: IncomingMessage,
  body: Buffer,
  account: Account,
  requestId: string,
): Promise<{ event: StsEvent; answer: Answer }> {
  const form = new URLSearchParams(body.toString('utf8'))
  const action = form.get('Action') ?? ''
  const facts = tokenFacts(form.get('WebIdentityToken') ?? '')
  try {
    const outcome = await outcomeOf(request, form, body, account)
    if (isFault(outcome)) return refusal(action, facts, outcome, requestId)
    const write = action === 'GetCallerIdentity' ? callerIdentityAnswer : assumeRoleAnswer
    return { event: eventOf(action, facts, outcome), answer: write(outcome, requestId) }
  } catch {
    return refusal(action, facts, fault('InternalFailure', 'The test double failed'), requestId)
  }
}

async function outcomeOf(
  request: IncomingMessage,
  form: URLSearchParams,
  body: Buffer,
  account: Account,
): Promise<Session | Fault> {
  const isQuery = request.method === 'POST' && request.url === '/' && FORM.test(request.headers['content-type'] ?? '')
  const action = isQuery && form.get('Version') === VERSION ? form.get('Action') : undefined
  if (action === 'AssumeRoleWithWebIdentity') return assumeRole(form, account)
  if (action === 'GetCallerIdentity') {
    return identifyCaller({ headers: headersOf(request), body }, account.sessions, account.now())
  }
  return fault('InvalidAction', `Could not find that operation for version ${VERSION}; send a form by POST to /`)
}

function refusal(action: string, facts: TokenFacts, outcome: Fault, requestId: string) {
  const event: StsEvent = { action: action.slice(0, 64), outcome: outcome.fault, message: outcome.message, ...facts }
  return { event, answer: faultAnswer(outcome, requestId) }
}

/** A caller's event names the token that its session was given for. */
function eventOf(action: string, facts: TokenFacts, { identity, arn }: Session): StsEvent {
  const { issuer, subject, audience, jti } = identity
  return { action, outcome: 'ok', ...facts, iss: issuer, sub: subject, aud: audience, ...(jti && { jti }), arn }
}

function headersOf(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, [value].flat().join(',')]))
}

/** @returns undefined when there is more than a request of this protocol ever has */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > MAXIMUM_BODY_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

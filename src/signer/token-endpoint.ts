/** The exchange's HTTP face: a decision in RFC 6749's and RFC 8693's terms, audited before it is answered. */
import { type ExchangeAnswer, type ExchangeError, type ExchangeErrorCode, GENERATION_HEADER } from '../contract.ts'
import { entryOf, isRefusal, ProjectorError, type Refusal, refuse } from '../errors.ts'
import type { Log } from '../log.ts'
import { redact } from '../redact.ts'
import type { FastifyInstance, FastifyReply } from '../service.ts'
import { auditLine } from './audit.ts'
import { type IssueDeps, issue, type Outcome } from './issue.ts'
import type { SigningKeys } from './key-store/source.ts'
import type { SignerMetrics } from './metrics.ts'

export const TOKEN_PATH = '/token'
/** A subject token has at most 16 KiB, so this is ample. */
export const BODY_BYTES = 65_536
/** Sidecars add their own jitter; a fleet must not come back in the same second. */
const RETRY_AFTER_SECONDS = 5

export interface EndpointDeps extends Omit<IssueDeps, 'startSigning' | 'signer'> {
  /** The keys in force, if there are any yet. */
  keys(): SigningKeys | undefined
  metrics: SignerMetrics
  log: Log
  /** Receives one JSON object with its newline. */
  writeAudit(line: string): void
}

interface Answer {
  status: number
  body: ExchangeAnswer | ExchangeError
}

/** Adds `POST /token` and an OAuth error for everything else. */
export function tokenRoutes(app: FastifyInstance, deps: EndpointDeps): void {
  // Of the content types only the form's is left; Fastify answers the others through the error handler.
  app.removeContentTypeParser(['application/json', 'text/plain'])
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', pragma: 'no-cache' })
    const keys = deps.keys()
    if (keys !== undefined) reply.header(GENERATION_HEADER, String(keys.keyring.generation))
  })
  app.post(TOKEN_PATH, async (request, reply) => send(reply, await exchange(request.body, deps)))
  app.route({
    method: ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    url: TOKEN_PATH,
    handler: (_request, reply) =>
      send(reply.header('allow', 'POST'), plain(405, 'invalid_request', `send a POST to ${TOKEN_PATH}`)),
  })
  app.setNotFoundHandler((_request, reply) =>
    send(reply, plain(404, 'invalid_request', `there is only ${TOKEN_PATH} here`)),
  )
  app.setErrorHandler((error, _request, reply) => send(reply, unreadable(error, deps)))
}

async function exchange(body: unknown, deps: EndpointDeps): Promise<Answer> {
  const requestId = deps.randomUUID()
  const stop = deps.metrics.startExchange()
  try {
    return conclude(await answer(body, deps), requestId, deps)
  } catch (error) {
    return fault(error, requestId, deps)
  } finally {
    stop()
  }
}

async function answer(body: unknown, deps: EndpointDeps): Promise<Outcome> {
  const signer = deps.keys()?.signer
  if (signer === undefined) {
    return { result: refuse('keys-unavailable', 'the signer has no usable signing keys yet; its readiness says why') }
  }
  return issue(body, { ...deps, signer, startSigning: deps.metrics.startSigning })
}

/** Audits first: a token that nobody can account for is not handed out. */
function conclude({ result, ...facts }: Outcome, requestId: string, deps: EndpointDeps): Answer {
  const entry = { time: timeOf(deps), requestId, ...facts }
  if (isRefusal(result)) {
    const answer = refusalAnswer(result)
    const decision = answer.status < 500 ? 'refused' : 'failed'
    deps.writeAudit(auditLine({ ...entry, decision, reason: result.refused, message: result.message }))
    deps.metrics.exchange(decision, result.refused)
    return answer
  }
  const { answer, grant, kid } = result
  deps.writeAudit(auditLine({ ...entry, decision: 'granted', grant, kid }))
  deps.metrics.exchange('granted', 'none')
  return { status: 200, body: answer }
}

/** Our own fault: the caller learns that it was ours and where its traces are, nothing else. */
function fault(error: unknown, requestId: string, deps: EndpointDeps): Answer {
  deps.log.error({ err: error, requestId }, 'the exchange failed')
  deps.metrics.exchange('failed', 'internal')
  try {
    deps.writeAudit(auditLine({ time: timeOf(deps), requestId, decision: 'failed', reason: 'internal' }))
  } catch (auditError) {
    deps.log.error({ err: auditError, requestId }, 'the audit log cannot be written, so no token is given')
  }
  return plain(500, 'server_error', `the signer could not do its job; its log says why, at request ${requestId}`)
}

/** A request that never became a form: too large, another content type, cut off. */
function unreadable(error: unknown, deps: EndpointDeps): Answer {
  const status = statusOf(error)
  if (status === undefined || error instanceof ProjectorError) return fault(error, deps.randomUUID(), deps)
  const message =
    status === 413
      ? `the body must be at most ${BODY_BYTES} bytes`
      : 'the body must be a form: set Content-Type to application/x-www-form-urlencoded'
  const answer = conclude({ result: refuse('malformed-request', message) }, deps.randomUUID(), deps)
  return { ...answer, status: status === 413 ? 413 : answer.status }
}

/** The status under 500 that Fastify gives to a client's mistake. */
function statusOf(error: unknown): number | undefined {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
  return typeof status === 'number' && status < 500 ? status : undefined
}

function refusalAnswer({ refused, message }: Refusal): Answer {
  const { status, error } = entryOf(refused).exchange ?? { status: 500, error: 'server_error' as const }
  return plain(status, error, message)
}

function plain(status: number, error: ExchangeErrorCode, description: string): Answer {
  return { status, body: { error, error_description: printable(redact(description)) } }
}

/** RFC 6749 section 5.2 allows printable ASCII without quote and backslash. */
function printable(text: string): string {
  return text.replaceAll('"', "'").replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?')
}

function send(reply: FastifyReply, { status, body }: Answer): FastifyReply {
  if (status === 429 || status === 503) reply.header('retry-after', String(RETRY_AFTER_SECONDS))
  return reply.code(status).send(body)
}

function timeOf({ now }: EndpointDeps): string {
  return new Date(now()).toISOString()
}

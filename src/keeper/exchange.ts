/** Sends one request to the signer and brings its answer back, bounded in time and size: the keeper's only network. */
import { X509Certificate } from 'node:crypto'
import { lookup as systemLookup } from 'node:dns'
import { Agent, request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { createSecureContext, type SecureContext } from 'node:tls'
import { ProjectorError } from '../errors.ts'
import { networkFailure, timeoutFailure } from './network-error.ts'
import { failure, type Outcome } from './outcome.ts'
import { type Ask, type ExchangeRequest, exchangeRequest } from './request.ts'
import { type Answer, judgeAnswer } from './response.ts'
import { shareLookup } from './shared-lookup.ts'

/** Name, connection, TLS and answer together. */
const TIMEOUT_MS = 10_000
const ANSWER_BYTES = 65_536
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

export interface SignerAddress {
  /** https. */
  url: string
  /** PEM; absent means the public roots. */
  caBundle?: string
}

export interface ExchangeOptions {
  timeoutMs?: number
  lookup?: LookupFunction
}

/** Asks for one token; expected failures are outcomes, and an abort is one too. */
export type Exchange = (ask: Ask, identityToken: string, signal: AbortSignal) => Promise<Outcome>

/** What every request of one exchange shares. */
interface Line {
  agent: Agent
  secureContext: SecureContext
  lookup: LookupFunction
}

/**
 * One connection for each request: a renewal each half hour has no use for an open one, and a signer behind a Service
 * is balanced by connection. An agent of our own reads no proxy variables and follows nothing.
 * @throws ProjectorError `configuration-invalid` when the CA bundle is not PEM
 */
export function createExchange(signer: SignerAddress, options: ExchangeOptions = {}): Exchange {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const line: Line = {
    agent: new Agent({ keepAlive: false, maxCachedSessions: 0 }),
    secureContext: contextOf(signer.caBundle),
    lookup: shareLookup(options.lookup ?? (systemLookup as LookupFunction)),
  }
  return async (ask, identityToken, signal) => {
    const timeout = AbortSignal.timeout(timeoutMs)
    try {
      const request = exchangeRequest(signer.url, ask, identityToken)
      const answer = await send(request, line, AbortSignal.any([signal, timeout]))
      return judgeAnswer(signer.url, ask.audience, answer)
    } catch (error) {
      if (error instanceof AnswerTooLarge)
        return failure('signer-answer-unusable', `signer ${signer.url}: ${error.message}`)
      if (signal.aborted) return failure('signer-unreachable', `signer ${signer.url}: stopped before it answered`)
      return timeout.aborted ? timeoutFailure(signer.url, timeoutMs) : networkFailure(signer.url, codeOf(error))
    }
  }
}

/** Made once: OpenSSL parses the bundle here and not in every handshake. */
function contextOf(caBundle: string | undefined): SecureContext {
  if (caBundle === undefined) return createSecureContext({ minVersion: 'TLSv1.2' })
  return createSecureContext({ minVersion: 'TLSv1.2', ca: certificatesOf(caBundle) })
}

/** A secure context skips what it cannot parse, and every handshake would then fail for a reason that nobody finds. */
function certificatesOf(caBundle: string): string[] {
  try {
    const blocks = caBundle.match(CERTIFICATE) ?? []
    for (const block of blocks) new X509Certificate(block)
    if (blocks.length > 0) return [...blocks]
  } catch (error) {
    throw new ProjectorError('configuration-invalid', 'signer.caBundle holds a certificate that cannot be parsed', {
      cause: error,
    })
  }
  throw new ProjectorError('configuration-invalid', 'signer.caBundle holds no certificate in PEM')
}

class AnswerTooLarge extends Error {
  override message = `its answer is larger than ${ANSWER_BYTES / 1024} KiB`
}

/** Whatever NODE_TLS_REJECT_UNAUTHORIZED says: others may set variables in every container. */
const ALWAYS_VERIFY = { rejectUnauthorized: true } as const

function send(request: ExchangeRequest, line: Line, signal: AbortSignal): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const sent = httpsRequest(request.url, {
    method: 'POST',
    headers: request.headers,
    signal,
    ...line,
    ...ALWAYS_VERIFY,
  })
  sent.on('error', reject)
  sent.on('response', (response) => {
    const chunks: Buffer[] = []
    let size = 0
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > ANSWER_BYTES) sent.destroy(new AnswerTooLarge())
      else chunks.push(chunk)
    })
    response.on('error', reject)
    response.on('end', () => {
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      })
    })
  })
  sent.end(request.body)
  return promise
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : undefined
}

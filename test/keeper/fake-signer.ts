/** A signer on the loopback interface over real TLS that answers as told and remembers what it was asked. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { createAuthority, issueLeaf, type KeyedCertificate } from '../../src/certificate/issue.ts'
import { makeToken } from './tokens.ts'

export interface Asked {
  method: string
  path: string
  headers: IncomingHttpHeaders
  form: URLSearchParams
}

export interface Answered {
  status?: number
  headers?: Record<string, string>
  body?: unknown
}

/** An answer, or whatever one does with the response oneself, in which case nothing is returned. */
type Behaviour = (asked: Asked, response: ServerResponse) => Answered | undefined

export interface FakeSigner {
  url: string
  caBundle: string
  port: number
  asked: Asked[]
  answer: Behaviour
  close(): Promise<void>
}

let shared: Promise<KeyedCertificate> | undefined

/** One authority for every signer of a test file: making keys is slow. */
export function authority(): Promise<KeyedCertificate> {
  shared ??= createAuthority('test', new Date())
  return shared
}

export async function startFakeSigner(answer: Behaviour = (asked) => yes(asked)): Promise<FakeSigner> {
  const ca = await authority()
  const leaf = await issueLeaf(ca, { dns: ['localhost'], ip: ['127.0.0.1'] }, new Date())
  const server = createServer({ cert: leaf.certificate, key: leaf.privateKey }, (request, response) => {
    void serve(request, response)
  })
  const signer: FakeSigner = { url: '', caBundle: ca.certificate, port: 0, asked: [], answer, close }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const { method = '', url: path = '', headers } = request
    const asked = { method, path, headers, form: new URLSearchParams(text) }
    signer.asked.push(asked)
    const answered = signer.answer(asked, response)
    if (answered === undefined) return
    response.writeHead(answered.status ?? 200, { 'content-type': 'application/json', ...answered.headers })
    response.end(typeof answered.body === 'string' ? answered.body : JSON.stringify(answered.body))
  }

  async function close(): Promise<void> {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  signer.port = typeof address === 'object' && address !== null ? address.port : 0
  signer.url = `https://127.0.0.1:${signer.port}`
  return signer
}

let count = 0

/** What a signer answers that agrees; every token has a `jti` of its own. */
export function yes(asked: Asked, lifeSeconds = 3600): Answered {
  count += 1
  const issuedAt = Math.floor(Date.now() / 1000)
  const token = makeToken({ audience: asked.form.get('audience'), issuedAt, lifeSeconds, jti: `jti-${count}` })
  return { body: answerBody(token, lifeSeconds), headers: { 'token-projector-generation': '1' } }
}

export function answerBody(token: string, expiresIn: unknown = 3600): Record<string, unknown> {
  const issued_token_type = 'urn:ietf:params:oauth:token-type:jwt'
  return { access_token: token, issued_token_type, token_type: 'N_A', expires_in: expiresIn }
}

export function refusal(description: string, error = 'invalid_target'): Answered {
  return { status: 400, body: { error, error_description: description } }
}

/** Serves the public documents to anyone: cached, revalidated, never from what a request says of itself. */
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from '../service.ts'
import type { PublicDocument } from './discovery.ts'

/**
 * Five minutes let an emergency heal soon. A cache in front may serve on while it asks, and for a day while we are
 * away: without keys every verifier in the world would refuse every token.
 */
const CACHE_CONTROL = 'public, max-age=300, stale-while-revalidate=300, stale-if-error=86400'

/** Keys are there a few seconds after the first start ever. */
const RETRY_AFTER_SECONDS = 5

/** Adds GET, HEAD and the preflight of every document. */
export function publicRoutes(app: FastifyInstance, documents: readonly PublicDocument[]): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'access-control-allow-origin': '*', 'x-content-type-options': 'nosniff' })
  })
  for (const document of documents) addDocument(app, document)
  app.setNotFoundHandler((_request, reply) => text(reply, 404, 'not found\n'))
}

function addDocument(app: FastifyInstance, { path, contentType, body }: PublicDocument): void {
  app.get(path, (request, reply) => {
    const content = body()
    if (content === undefined) return notYet(reply)
    const etag = `"${createHash('sha256').update(content).digest('base64url')}"`
    reply.headers({ etag, 'cache-control': CACHE_CONTROL })
    if (isCurrent(request, etag)) return reply.code(304).send()
    // A buffer, because Fastify adds a charset to text, which these types do not have.
    return reply.header('content-type', contentType).send(Buffer.from(content))
  })
  app.options(path, (_request, reply) =>
    reply
      .headers({ 'access-control-allow-methods': 'GET, HEAD', 'access-control-allow-headers': 'if-none-match' })
      .code(204)
      .send(),
  )
  app.route({
    method: ['POST', 'PUT', 'PATCH', 'DELETE'],
    url: path,
    handler: (_request, reply) => text(reply.header('allow', 'GET, HEAD, OPTIONS'), 405, 'GET or HEAD\n'),
  })
}

/** A cache that kept this would keep every verifier from our keys. */
function notYet(reply: FastifyReply): FastifyReply {
  const headers = { 'cache-control': 'no-store', 'retry-after': String(RETRY_AFTER_SECONDS) }
  return text(reply.headers(headers), 503, 'the signer has no keys yet\n')
}

/** RFC 9110 section 13.1.2, where the comparison is the weak one. */
function isCurrent(request: FastifyRequest, etag: string): boolean {
  const wanted = request.headers['if-none-match']
  if (wanted === undefined) return false
  return wanted.trim() === '*' || wanted.split(',').some((one) => one.trim().replace(/^W\//, '') === etag)
}

function text(reply: FastifyReply, status: number, body: string): FastifyReply {
  return reply.code(status).header('content-type', 'text/plain; charset=utf-8').send(body)
}

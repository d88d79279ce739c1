/** A double of what stands before an issuer, as an Ingress does: HTTPS by a certificate of its own, the signer behind it. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface GatewayOptions {
  listen: { host: string; port: number }
  /** PEM, for the issuer's own name. */
  tls: { cert: string; key: string }
  /** Where the signer publishes, the name in its certificate, and the roots (PEM) that vouch for it. */
  upstream: { host: string; port: number; servername: string; ca: string }
}

export interface Gateway {
  port: number
  stop(): Promise<void>
}

const TIMEOUT_MS = 5_000

export async function startGateway({ listen, tls, upstream }: GatewayOptions): Promise<Gateway> {
  const server = createServer(tls, (incoming, response) => forward(incoming, response, upstream))
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(listen.port, listen.host, () => resolve()),
  )
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function forward(incoming: IncomingMessage, response: ServerResponse, upstream: GatewayOptions['upstream']): void {
  const { method = '', url = '/' } = incoming
  if (method !== 'GET' && method !== 'HEAD') return void response.writeHead(405).end()
  const asked = request({ ...upstream, method, path: url, timeout: TIMEOUT_MS }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  asked.on('timeout', () => asked.destroy(new Error('timeout')))
  asked.on('error', () => {
    if (response.headersSent) response.destroy()
    else response.writeHead(502).end()
  })
  asked.end()
}

/** Asks a service on loopback, by node's own client. */
import { type IncomingHttpHeaders, type IncomingMessage, get as plainGet } from 'node:http'
import { request } from 'node:https'
import type { TLSSocket } from 'node:tls'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
  /** Of the server's certificate; empty without TLS. */
  serialNumber: string
}

const PATIENCE_MS = 10_000
const PAUSE_MS = 50

/**
 * Posts JSON over TLS that `ca` vouches for, on a connection of its own.
 * @param servername the name that the certificate must be good for, if not the address
 */
export function post(port: number, path: string, body: object, ca: string, servername?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path,
      ca,
      method: 'POST',
      agent: false,
      timeout: PATIENCE_MS,
      servername,
    }
    const headers = { 'content-type': 'application/json', connection: 'keep-alive' }
    const sent = request({ ...options, headers }, (response) => {
      const { serialNumber } = (response.socket as TLSSocket).getPeerCertificate()
      read(response, serialNumber).then(resolve, reject)
    })
    sent.on('timeout', () => sent.destroy(new Error('no answer')))
    sent.on('error', reject)
    sent.end(JSON.stringify(body))
  })
}

export function get(port: number, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = plainGet({ host: '127.0.0.1', port, path, agent: false, timeout: PATIENCE_MS }, (response) =>
      read(response, '').then(resolve, reject),
    )
    sent.on('timeout', () => sent.destroy(new Error('no answer')))
    sent.on('error', reject)
  })
}

async function read(response: IncomingMessage, serialNumber: string): Promise<Answer> {
  // Its connection is given back, and forgotten, with the last byte.
  const { socket } = response
  let body = ''
  for await (const chunk of response) body += String(chunk)
  socket.destroy()
  return { status: response.statusCode ?? 0, headers: response.headers, body, serialNumber }
}

/** Asks until the answer is yes. @throws Error when it never is */
export async function eventually(isTrue: () => Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += PAUSE_MS) {
    if (await isTrue()) return
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  throw new Error('it never became true')
}

/** The shell that both services share: health, metrics, limits, and an end that nobody notices. */
import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { createServer } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createAuthority, issueLeaf } from '../src/certificate/issue.ts'
import type { TlsPair, TlsSource } from '../src/certificate/source.ts'
import { createLog } from '../src/log.ts'
import { type Service, startService } from '../src/service.ts'

const silent = createLog('error', 'test', () => {})
const loopback = { host: '127.0.0.1', port: 0 }
const authority = await createAuthority('test root', new Date())

async function pair(name: string): Promise<TlsPair> {
  const leaf = await issueLeaf(authority, { dns: [name], ip: ['127.0.0.1'] }, new Date())
  return { cert: leaf.certificate, key: leaf.privateKey }
}

/** A source whose pair the test changes by hand. */
function tlsSource(first: TlsPair): TlsSource & { replace(pair: TlsPair): void } {
  let now = first
  const listeners: ((pair: TlsPair) => void)[] = []
  return {
    current: () => now,
    unready: () => undefined,
    onChange: (apply) => void listeners.push(apply),
    close: async () => {},
    replace: (next) => {
      now = next
      for (const apply of listeners) apply(next)
    },
  }
}

async function start(options: { drainSeconds?: number; unready?: () => string | undefined } = {}) {
  const tls = tlsSource(await pair('first.test'))
  const service = await startService({
    listeners: [
      {
        name: 'exchange',
        listen: loopback,
        bodyLimit: 1000,
        tls,
        routes: (app) => void app.post('/echo', async (request) => request.body as object),
      },
    ],
    opsListen: loopback,
    log: silent,
    drainSeconds: options.drainSeconds ?? 0,
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' }),
    unready: options.unready ?? (() => undefined),
  })
  let stopped: Promise<void> | undefined
  const stop = () => (stopped ??= service.stop())
  onTestFinished(stop)
  return { service, tls, stop }
}

const ops = (service: Service, path: string) => fetch(`http://127.0.0.1:${service.ports.ops}${path}`)

function post(service: Service, body: string, agent?: Agent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: service.ports.exchange, path: '/echo', method: 'POST' }
    const headers = { 'content-type': 'application/json' }
    httpsRequest({ ...options, headers, ca: authority.certificate, agent: agent ?? false }, (response) => {
      response.resume()
      response.on('end', () => resolve(response))
    })
      .on('error', reject)
      .end(body)
  })
}

test('health and metrics are told on a listener of their own', async () => {
  const { service } = await start()
  expect([(await ops(service, '/livez')).status, (await ops(service, '/readyz')).status]).toEqual([200, 200])
  const metrics = await ops(service, '/metrics')
  expect([metrics.headers.get('content-type'), await metrics.text()]).toEqual(['text/plain; version=0.0.4', 'up 1\n'])
})

test('a service that cannot do its work is alive, unready, and says why', async () => {
  const { service } = await start({ unready: () => 'no valid policy is loaded' })
  expect((await ops(service, '/livez')).status).toBe(200)
  const ready = await ops(service, '/readyz')
  expect([ready.status, await ready.text()]).toEqual([503, 'no valid policy is loaded\n'])
})

test('a body over the limit is 413', async () => {
  const { service } = await start()
  expect((await post(service, JSON.stringify('x'.repeat(900)))).statusCode).toBe(200)
  expect((await post(service, JSON.stringify('x'.repeat(1001)))).statusCode).toBe(413)
})

test('an idle connection outlives the 90 seconds that the API server keeps one', async () => {
  const { service } = await start()
  const response = await post(service, '{}', new Agent({ keepAlive: true, maxSockets: 1 }))
  const seconds = Number(/timeout=(\d+)/.exec(String(response.headers['keep-alive']))?.[1])
  expect(seconds).toBeGreaterThan(90)
})

test('a stopping service is unready at once, answers every request meanwhile, and asks clients to go', async () => {
  const { service, stop } = await start({ drainSeconds: 1 })
  const stopped = stop()
  await vi.waitFor(async () => expect((await ops(service, '/readyz')).status).toBe(503))
  const response = await post(service, '{"still":"here"}')
  expect([response.statusCode, response.headers.connection]).toEqual([200, 'close'])
  await stopped
  await expect(post(service, '{}')).rejects.toThrow(/ECONNREFUSED/)
})

test('a new certificate is served to new connections without a restart', async () => {
  const { service, tls } = await start()
  const namesOf = (response: IncomingMessage) =>
    (response.socket as import('node:tls').TLSSocket).getPeerX509Certificate()?.subjectAltName
  expect(namesOf(await post(service, '{}'))).toContain('first.test')
  tls.replace(await pair('second.test'))
  expect(namesOf(await post(service, '{}'))).toContain('second.test')
})

test('a port that is taken ends the start', async () => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void taken.close())
  const { port } = taken.address() as import('node:net').AddressInfo
  const started = startService({
    listeners: [],
    opsListen: { host: '127.0.0.1', port },
    log: silent,
    drainSeconds: 0,
    metrics: async () => ({ contentType: '', body: '' }),
    unready: () => undefined,
  })
  await expect(started).rejects.toMatchObject({ exitCode: 78, message: expect.stringContaining('EADDRINUSE') })
})

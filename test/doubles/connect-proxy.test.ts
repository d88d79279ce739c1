/** The CONNECT proxy leads the names it was given to loopback and nothing else anywhere. */
import { createServer, request } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type ConnectProxy, startConnectProxy } from './connect-proxy.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

/** A server that says `name` to whoever connects; returns its port. */
async function greeter(name: string): Promise<number> {
  const server = createTcpServer((socket) => void socket.write(name))
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

async function proxyTo(targets: Record<string, number>): Promise<ConnectProxy> {
  const proxy = await startConnectProxy(targets)
  stops.push(proxy.stop)
  return proxy
}

interface Reply {
  status: number | undefined
  /** What the target says first, when there is a tunnel. */
  greeting?: string
  socket: Socket
}

function open(proxy: ConnectProxy, hostPort: string): Promise<Reply> {
  const { hostname, port } = new URL(proxy.url)
  return new Promise((resolve, reject) => {
    const connecting = request({ host: hostname, port, method: 'CONNECT', path: hostPort })
    connecting.once('error', reject)
    connecting.once('connect', (response, socket, head) => {
      const status = response.statusCode
      if (status !== 200) return resolve({ status, socket })
      if (head.length > 0) return resolve({ status, greeting: head.toString(), socket })
      socket.once('data', (data) => resolve({ status, greeting: data.toString(), socket }))
    })
    connecting.end()
  })
}

/** A port on which nothing listens. */
async function deadPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

test('a named target is reached on loopback', async () => {
  const proxy = await proxyTo({ 'issuer.example:443': await greeter('issuer') })
  expect(await open(proxy, 'issuer.example:443')).toMatchObject({ status: 200, greeting: 'issuer' })
})

test.each([
  ['another host', 'other.example:443'],
  ['another port of the host', 'issuer.example:8443'],
  ['the host in capitals', 'ISSUER.example:443'],
  ['an inherited name of objects', 'constructor'],
])('%s is answered 403', async (_name, hostPort) => {
  const proxy = await proxyTo({ 'issuer.example:443': await greeter('issuer') })
  expect(await open(proxy, hostPort)).toMatchObject({ status: 403 })
})

test('a target that does not listen is answered 502', async () => {
  const proxy = await proxyTo({ 'issuer.example:443': await deadPort() })
  expect(await open(proxy, 'issuer.example:443')).toMatchObject({ status: 502 })
})

test('a target can be led elsewhere while the proxy runs', async () => {
  const proxy = await proxyTo({ 'issuer.example:443': await greeter('old') })
  proxy.setTarget('issuer.example:443', await greeter('new'))
  expect(await open(proxy, 'issuer.example:443')).toMatchObject({ greeting: 'new' })
})

test('every CONNECT is seen, the refused ones too', async () => {
  const proxy = await proxyTo({ 'issuer.example:443': await greeter('issuer') })
  await open(proxy, 'issuer.example:443')
  await open(proxy, 'other.example:443')
  expect(proxy.seen).toEqual(['issuer.example:443', 'other.example:443'])
})

test('any other method is answered 405', async () => {
  const proxy = await proxyTo({})
  expect((await fetch(proxy.url)).status).toBe(405)
})

test('stopping ends the tunnels that are open', async () => {
  const proxy = await startConnectProxy({ 'issuer.example:443': await greeter('issuer') })
  const { socket } = await open(proxy, 'issuer.example:443')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.on('error', () => {})
  await Promise.all([closed, proxy.stop()])
  expect(socket.destroyed).toBe(true)
})

test('a client that hangs up ends its tunnel to the target', async () => {
  let targetClosed: Promise<unknown> = Promise.resolve()
  const target = createTcpServer((socket) => {
    targetClosed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => {})
    socket.write('hello')
  })
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  stops.push(async () => void target.close())
  const proxy = await proxyTo({ 'issuer.example:443': (target.address() as AddressInfo).port })
  const { socket } = await open(proxy, 'issuer.example:443')
  socket.destroy()
  await expect(targetClosed).resolves.toBeDefined()
})

test('bytes that come with the CONNECT itself reach the target', async () => {
  const echo = createTcpServer((socket) => socket.pipe(socket))
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
  const proxy = await proxyTo({ 'echo.example:443': (echo.address() as AddressInfo).port })
  const { hostname, port } = new URL(proxy.url)
  const client = connect(Number(port), hostname)
  client.write('CONNECT echo.example:443 HTTP/1.1\r\nHost: echo.example:443\r\n\r\nearly')
  let answer = ''
  for await (const chunk of client) {
    answer += chunk
    if (answer.endsWith('early')) break
  }
  stops.push(async () => void echo.close())
  expect(answer).toMatch(/^HTTP\/1\.1 200 [^\r]+\r\n\r\nearly$/)
})

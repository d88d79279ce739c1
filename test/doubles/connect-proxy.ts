/** An HTTP proxy that knows CONNECT only and leads named targets to ports on loopback, so that tests may use real host names. */
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** More tunnels than any test opens; the next one is answered 503. */
const MAXIMUM_TUNNELS = 256
const IDLE_MS = 60_000
const MAXIMUM_SEEN = 10_000

export interface ConnectProxy {
  /** For HTTPS_PROXY. */
  url: string
  /** Leads `hostPort` to another loopback port from the next CONNECT on. */
  setTarget(hostPort: string, port: number): void
  /** The `host:port` of every CONNECT in the order of arrival, refused ones too. */
  seen: string[]
  /** Ends every tunnel and the listener. */
  stop(): Promise<void>
}

/**
 * Starts a proxy on a free loopback port.
 * A CONNECT to anything but `targets` is answered 403, to a target that does not listen 502; any other method 405.
 * @param targets `host:port` as a client names it, to the loopback port that answers for it
 */
export async function startConnectProxy(targets: Record<string, number>): Promise<ConnectProxy> {
  const ports = new Map(Object.entries(targets))
  const seen: string[] = []
  const open = new Set<Duplex>()

  const server = createServer((_request, response) => {
    response.writeHead(405, { allow: 'CONNECT', connection: 'close' }).end()
  })
  server.on('connection', (socket) => track(open, socket))
  server.on('connect', (request, client: Duplex, head: Buffer) => {
    const target = request.url ?? ''
    if (seen.length < MAXIMUM_SEEN) seen.push(target)
    const port = ports.get(target)
    if (port === undefined) return answer(client, '403 Forbidden')
    if (open.size > 2 * MAXIMUM_TUNNELS) return answer(client, '503 Service Unavailable')
    tunnel(client, head, track(open, connect(port, '127.0.0.1')))
  })

  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    setTarget: (hostPort, port) => void ports.set(hostPort, port),
    seen,
    stop: () => {
      for (const socket of open) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

function track(open: Set<Duplex>, socket: Socket): Socket {
  open.add(socket)
  return socket.once('close', () => open.delete(socket))
}

function answer(client: Duplex, status: string): void {
  // A client that hung up before its answer is no fault of the proxy's.
  client.on('error', () => client.destroy())
  client.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

function tunnel(client: Duplex, head: Buffer, upstream: Socket): void {
  upstream.setTimeout(IDLE_MS, () => upstream.destroy())
  upstream.once('connect', () => {
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    upstream.write(head)
    client.pipe(upstream).pipe(client)
  })
  upstream.on('error', () =>
    upstream.connecting || upstream.bytesRead === 0 ? answer(client, '502 Bad Gateway') : client.destroy(),
  )
  upstream.once('close', () => client.destroy())
  client.on('error', () => upstream.destroy())
  client.once('close', () => upstream.destroy())
}

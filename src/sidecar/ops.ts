/** Serves health and metrics; a port that is taken is a pity and no reason to keep an application from its tokens. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { OpsListen } from './config.ts'
import type { Log } from './log.ts'
import { METRICS_CONTENT_TYPE } from './metrics.ts'

/** An import statement would touch every export, WebSocket's too, and so load undici: 3.3 MB in every pod. */
const { createServer } = process.getBuiltinModule('node:http')

const TEXT = 'text/plain; charset=utf-8'
/** Prometheus, the kubelet and a person: more than this at a time is an accident. */
const MOST_CONNECTIONS = 32

/** What the pages show, computed for each request. */
export interface Pages {
  /** Why the sidecar is not ready, or undefined. */
  unready(): string | undefined
  metrics(): string
}

export interface Ops {
  close(): void
}

/** Starts to listen; whether that succeeds is only logged. */
export function startOps(listen: OpsListen, pages: Pages, log: Log): Ops {
  const server = createServer((request, response) => answer(request, response, pages))
  server.maxConnections = MOST_CONNECTIONS
  server.on('error', (error: NodeJS.ErrnoException) => {
    log('warn', `no health and metrics: port ${listen.port} cannot be listened on`, { code: error.code })
  })
  server.listen(listen, () => log('info', 'health and metrics listening', { port: portOf(server) }))
  return {
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function answer(request: IncomingMessage, response: ServerResponse, pages: Pages): void {
  // The kubelet and Prometheus send no body; whoever does is not read.
  const page = request.method === 'GET' || request.method === 'HEAD' ? render(request.url ?? '', pages) : METHOD
  response.writeHead(page.status, { 'content-type': page.type ?? TEXT, 'cache-control': 'no-store', ...page.headers })
  response.end(request.method === 'HEAD' ? undefined : page.body)
}

interface Page {
  status: number
  body: string
  type?: string
  headers?: Record<string, string>
}

const METHOD: Page = { status: 405, body: 'only GET and HEAD\n', headers: { allow: 'GET, HEAD' } }

function render(url: string, pages: Pages): Page {
  switch (url.split('?', 1)[0]) {
    case '/livez':
      return { status: 200, body: 'ok\n' }
    case '/readyz': {
      const reason = pages.unready()
      return reason === undefined ? { status: 200, body: 'ok\n' } : { status: 503, body: `${reason}\n` }
    }
    case '/metrics':
      return { status: 200, body: pages.metrics(), type: METRICS_CONTENT_TYPE }
    default:
      return { status: 404, body: 'there are /livez, /readyz and /metrics\n' }
  }
}

function portOf(server: Server): number | undefined {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : undefined
}

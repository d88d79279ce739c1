/** The shell of a service, and the one door to Fastify: listeners, health, metrics, certificate reload, graceful stop. */
import formbody from '@fastify/formbody'
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import type { TlsSource } from './certificate/source.ts'
import type { Listen } from './config.ts'
import { ProjectorError } from './errors.ts'
import type { Log } from './log.ts'

export type { FastifyInstance, FastifyReply, FastifyRequest }

/**
 * The API server keeps an idle connection for 90 s and does not retry a POST that meets a closed one
 * (kubernetes/kubernetes#127335), so ours stays open longer.
 */
const KEEP_ALIVE_MS = 120_000
/** Node wants this above the keep-alive timeout. */
const HEADERS_MS = 125_000
/** Longer than the longest admission timeout, 30 s. */
const REQUEST_MS = 35_000
/** What closing connections may still take once the drain is over. */
const CLOSE_MS = 5_000

export interface ListenerOptions {
  /** For the log: `admission`, `exchange`, `public`. */
  name: string
  listen: Listen
  /** Largest body, in bytes; a larger one is answered 413. */
  bodyLimit: number
  tls: TlsSource
  /** Adds routes. */
  routes(app: FastifyInstance): void
}

export interface ServiceOptions {
  listeners: ListenerOptions[]
  opsListen: Listen
  log: Log
  /** How long a stopping service still answers, so that endpoints and load balancers notice first. */
  drainSeconds: number
  /** Prometheus text. */
  metrics(): Promise<{ contentType: string; body: string }>
  /** Why the service cannot do its work now, or undefined. */
  unready(): string | undefined
}

export interface Service {
  /** The port that each listener got, by name, `ops` among them. */
  ports: Record<string, number>
  /** Unready at once, answering until the drain is over, then closed; however often it is called. */
  stop(): Promise<void>
}

/** Starts every listener, or none. @throws ProjectorError `configuration-invalid` when an address cannot be listened on */
export async function startService(options: ServiceOptions): Promise<Service> {
  let stopped: Promise<void> | undefined
  const isStopping = () => stopped !== undefined
  const apps: FastifyInstance[] = []
  const ports: Record<string, number> = {}

  const ops = buildOps(options, () => (isStopping() ? 'stopping' : options.unready()))
  const listeners = options.listeners.map((listener) => ({
    name: listener.name,
    listen: listener.listen,
    app: buildListener(listener, options.log, isStopping),
  }))
  try {
    for (const { name, listen, app } of [...listeners, { name: 'ops', listen: options.opsListen, app: ops }]) {
      apps.push(app)
      await app.listen(listen)
      ports[name] = portOf(app)
      options.log.info({ listener: name, port: ports[name] }, 'listening')
    }
  } catch (error) {
    await Promise.all(apps.map((app) => app.close()))
    throw listenFault(error)
  }

  async function drain(): Promise<void> {
    options.log.info({ drainSeconds: options.drainSeconds }, 'stopping: unready, still answering')
    await new Promise((resolve) => setTimeout(resolve, options.drainSeconds * 1000))
    const kill = setTimeout(() => {
      for (const app of apps) app.server.closeAllConnections()
    }, CLOSE_MS)
    await Promise.all(apps.map((app) => app.close()))
    clearTimeout(kill)
    options.log.info('stopped')
  }
  return {
    ports,
    stop() {
      stopped ??= drain()
      return stopped
    },
  }
}

function listenFault(error: unknown): unknown {
  const { syscall, message } = error as NodeJS.ErrnoException
  if (syscall !== 'listen' && syscall !== 'bind') return error
  const sentence = `the addresses in TOKEN_PROJECTOR_…_LISTEN must be free: ${message}`
  return new ProjectorError('configuration-invalid', sentence, { cause: error })
}

/** A listener's application without a port, for tests that inject requests. */
export function buildListener(
  options: Pick<ListenerOptions, 'bodyLimit' | 'routes'> & Partial<Pick<ListenerOptions, 'tls'>>,
  log: Log,
  isStopping: () => boolean,
): FastifyInstance {
  const app = fastify({
    ...shell(log),
    bodyLimit: options.bodyLimit,
    ...serverOf(options.tls),
  }) as FastifyInstance
  options.tls?.onChange((pair) => {
    if ('setSecureContext' in app.server) {
      const server = app.server as { setSecureContext(pair: object): void }
      server.setSecureContext({ ...pair, minVersion: 'TLSv1.2' })
    }
  })
  app.addHook('onSend', async (_request, reply) => {
    if (isStopping()) reply.header('connection', 'close')
  })
  app.register(formbody, { bodyLimit: options.bodyLimit })
  app.register(async (scope) => options.routes(scope))
  return app
}

function buildOps(options: ServiceOptions, unready: () => string | undefined): FastifyInstance {
  const app = fastify({ ...shell(options.log), bodyLimit: 1024 }) as FastifyInstance
  app.get('/livez', async () => 'ok\n')
  app.get('/readyz', async (_request, reply) => {
    const reason = unready()
    if (reason !== undefined) reply.code(503)
    return `${reason ?? 'ok'}\n`
  })
  app.get('/metrics', async (_request, reply) => {
    const { contentType, body } = await options.metrics()
    reply.header('content-type', contentType)
    return body
  })
  return app
}

/** No request log: a URL or a body has no business there; the processes log their decisions. */
function shell(log: Log) {
  return {
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    return503OnClosing: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_MS,
    forceCloseConnections: 'idle' as const,
    exposeHeadRoutes: true,
  }
}

/** Fastify's types want one server kind; the routes do not care which. */
function serverOf(tls: TlsSource | undefined): object {
  return tls === undefined ? {} : { https: { ...tls.current(), minVersion: 'TLSv1.2', headersTimeout: HEADERS_MS } }
}

function portOf(app: FastifyInstance): number {
  const address = app.server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

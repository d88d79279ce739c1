/** Asks the API server and watches it, in plain JSON; every failure says what was asked and what came back. */
import type { KubernetesObject } from './object.ts'
import type { Method, Response, Transport } from './transport.ts'

/** Names us in `managedFields`, so that a person sees who wrote what. */
const FIELD_MANAGER = 'token-projector'

/** JSON patch, RFC 6902, or JSON merge patch, RFC 7386. */
export type PatchType = 'application/json-patch+json' | 'application/merge-patch+json'

export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  object: KubernetesObject
}

export interface WatchListener {
  /** The API server has taken the watch: what changes from now on arrives. */
  opened?(): void
  event(event: WatchEvent): void
}

/** Every call fails with a KubernetesError. Paths are the API server's own and begin with a slash. */
export interface KubernetesClient {
  get<Answer = KubernetesObject>(path: string): Promise<Answer>
  /** POST, for reviews too, which are never stored. */
  create<Answer = KubernetesObject>(path: string, body: object): Promise<Answer>
  /** PUT; a `metadata.resourceVersion` that is not the newest is a conflict. */
  replace(path: string, object: KubernetesObject): Promise<KubernetesObject>
  patch(path: string, patch: object, type: PatchType): Promise<KubernetesObject>
  /**
   * Resolves when the server ends the watch, nothing came for thirty seconds, or `signal` says so.
   * @param query such as `resourceVersion` and `fieldSelector`
   */
  watch(path: string, query: Record<string, string>, listener: WatchListener, signal: AbortSignal): Promise<void>
}

/** The API server said no, or nothing. The message says what was asked and never holds a body of ours. */
export class KubernetesError extends Error {
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined
  /** `reason` of the API server's Status, such as `Conflict`. */
  readonly reason: string | undefined
  /** What `Retry-After` asked for. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    message: string,
    facts: { status?: number; reason?: string; retryAfterSeconds?: number },
    cause?: unknown,
  ) {
    super(message, { cause })
    this.name = 'KubernetesError'
    this.status = facts.status
    this.reason = facts.reason
    this.retryAfterSeconds = facts.retryAfterSeconds
  }
}

/** Whether somebody else wrote the object since it was read. */
export function isConflict(error: unknown): boolean {
  return error instanceof KubernetesError && error.status === 409
}

export function isNotFound(error: unknown): boolean {
  return error instanceof KubernetesError && error.status === 404
}

/**
 * A client with the pod's own service account, or with a kubeconfig's current context. Nothing is asked yet.
 * @throws ProjectorError `configuration-invalid` outside a cluster and with an unusable kubeconfig
 */
export async function connect(kubeconfig?: string): Promise<KubernetesClient> {
  // Its library costs half a second and tens of megabytes, which a service without a cluster does not owe.
  const { openTransport } = await import('./transport.ts')
  const transport = openTransport(kubeconfig)

  async function ask<Answer>(method: Method, path: string, body?: object, type = 'application/json'): Promise<Answer> {
    const asked = `${method} ${path}`
    const query: Record<string, string> = method === 'PUT' || method === 'PATCH' ? { fieldManager: FIELD_MANAGER } : {}
    const sent = transport.send(method, path, query, body && { type, content: JSON.stringify(body) })
    return answerOf<Answer>(
      asked,
      await sent.catch((error) => {
        throw unanswered(asked, error)
      }),
    )
  }

  return {
    get: (path) => ask('GET', path),
    create: (path, body) => ask('POST', path, body),
    replace: (path, object) => ask('PUT', path, object),
    patch: (path, patch, type) => ask('PATCH', path, patch, type),
    watch: (path, query, listener, signal) => watch(transport, path, query, listener, signal),
  }
}

function answerOf<Answer>(asked: string, { status, headers, text }: Response): Answer {
  const body = parse(text)
  if (status >= 200 && status < 300 && body !== undefined) return body as Answer
  const { message, reason } = (body ?? {}) as Status
  const retryAfter = Number(headers['retry-after'])
  throw new KubernetesError(`${asked}: ${status} ${message ?? 'without a Status'}`, {
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(retryAfter > 0 ? { retryAfterSeconds: retryAfter } : {}),
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function watch(
  transport: Transport,
  path: string,
  query: Record<string, string>,
  listener: WatchListener,
  signal: AbortSignal,
): Promise<void> {
  const asked = `watch ${path}`
  return new Promise((resolve, reject) => {
    let ended = false
    let controller: AbortController | undefined
    const abort = () => (controller === undefined ? end() : controller.abort())
    function end(error?: unknown): void {
      if (ended) return
      ended = true
      signal.removeEventListener('abort', abort)
      abort()
      if (signal.aborted || error == null || isQuiet(error)) resolve()
      else reject(error instanceof KubernetesError ? error : unanswered(asked, error))
    }
    // The library swallows what its callback throws.
    const event = (type: string, object: unknown) => {
      if (ended) return
      try {
        if (type === 'ERROR') end(refused(asked, object as Status))
        else listener.event({ type, object } as WatchEvent)
      } catch (error) {
        end(error)
      }
    }
    signal.addEventListener('abort', abort, { once: true })
    transport.watch(path, query, event, end).then((opened) => {
      controller = opened
      if (ended || signal.aborted) abort()
      else listener.opened?.()
    }, end)
  })
}

/** The API server's own word for what went wrong. */
interface Status {
  code?: number
  message?: string
  reason?: string
}

/** Nothing came for a while, and a connection may be dead without a sign. */
function isQuiet(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError'
}

function refused(asked: string, status: Status): KubernetesError {
  const facts = {
    ...(status.code === undefined ? {} : { status: status.code }),
    ...(status.reason === undefined ? {} : { reason: status.reason }),
  }
  return new KubernetesError(`${asked}: ${status.code ?? ''} ${status.message ?? ''}`, facts)
}

function unanswered(asked: string, error: unknown): KubernetesError {
  const { statusCode } = error as { statusCode?: number }
  const facts = statusCode === undefined ? {} : { status: statusCode }
  return new KubernetesError(`${asked}: ${statusCode ?? 'no answer:'} ${textOf(error)}`, facts, error)
}

/** Node's fetch says only "fetch failed" and keeps the reason as its cause. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}

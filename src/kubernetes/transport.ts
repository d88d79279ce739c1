/** The one door to @kubernetes/client-node: whom to ask, with which credentials, and what comes back, unjudged. */
import { IsomorphicFetchHttpLibrary, KubeConfig, RequestContext, Watch } from '@kubernetes/client-node'
import { ProjectorError } from '../errors.ts'

/** Longer than an API server under load takes for one object. */
const REQUEST_MS = 10_000
/** The API server gives its own keys as the second alone, and answers 406 to whoever takes only the first. */
const ACCEPT = 'application/json, application/jwk-set+json'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH'

export interface Body {
  type: string
  content: string
}

/** Whatever HTTP status it has. */
export interface Response {
  status: number
  headers: Record<string, string>
  text: string
}

export interface Transport {
  /** @throws Error of the network when there is no answer */
  send(method: Method, path: string, query: Record<string, string>, body?: Body): Promise<Response>
  /**
   * Calls `event` for each line and `done` once: without an error when the server ended the stream, with one that has
   * `statusCode` when it refused, with a `TimeoutError` when nothing came for thirty seconds.
   * @returns what ends it
   */
  watch(
    path: string,
    query: Record<string, string>,
    event: (type: string, object: unknown) => void,
    done: (error: unknown) => void,
  ): Promise<AbortController>
}

/**
 * With the pod's own service account, or with a kubeconfig's current context. Nothing is asked yet.
 * @throws ProjectorError `configuration-invalid` outside a cluster and with an unusable kubeconfig
 */
export function openTransport(kubeconfig: string | undefined): Transport {
  const config = new KubeConfig()
  const server = load(config, kubeconfig)
  const library = new IsomorphicFetchHttpLibrary()
  const watch = new Watch(config)
  const connections = keepConnections(config)
  return {
    watch: (path, query, event, done) => watch.watch(path, query, event, done),
    async send(method, path, query, body) {
      const context = new RequestContext(server + path, method)
      context.setHeaderParam('Accept', ACCEPT)
      context.setSignal(AbortSignal.timeout(REQUEST_MS))
      for (const [name, value] of Object.entries(query)) context.setQueryParam(name, value)
      if (body !== undefined) {
        context.setHeaderParam('Content-Type', body.type)
        context.setBody(body.content)
      }
      try {
        await connections.authenticate(context)
        const response = await library.send(context).toPromise()
        return { status: response.httpStatusCode, headers: response.headers, text: await response.body.text() }
      } catch (error) {
        connections.forget()
        throw error
      }
    },
  }
}

/** @returns the API server's URL */
function load(config: KubeConfig, kubeconfig: string | undefined): string {
  try {
    if (kubeconfig === undefined) config.loadFromCluster()
    else config.loadFromFile(kubeconfig)
  } catch (error) {
    throw new ProjectorError(
      'configuration-invalid',
      `TOKEN_PROJECTOR_KUBECONFIG cannot be used: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    )
  }
  const server = config.getCurrentCluster()?.server ?? ''
  // The library writes the word where the kubelet has set no address.
  if (URL.canParse(server) && new URL(server).hostname !== 'undefined') return server.replace(/\/$/, '')
  const message =
    kubeconfig === undefined
      ? 'no Kubernetes API server is known: run in a pod, or set TOKEN_PROJECTOR_KUBECONFIG; files need neither'
      : `TOKEN_PROJECTOR_KUBECONFIG ${kubeconfig} has no current context with a server`
  throw new ProjectorError('configuration-invalid', message)
}

/**
 * The library makes new connections for every request; here they are kept until one fails, which is also when a
 * cluster's new CA is read.
 */
function keepConnections(config: KubeConfig) {
  let kept: ReturnType<RequestContext['getDispatcher']>
  return {
    /** The token is read again from its file each minute. */
    async authenticate(context: RequestContext): Promise<void> {
      await config.applySecurityAuthentication(context)
      kept ??= context.getDispatcher()
      if (kept !== undefined) context.setDispatcher(kept)
    },
    forget(): void {
      void kept?.close().catch(() => undefined)
      kept = undefined
    },
  }
}

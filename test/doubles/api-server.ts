/** Plays a Kubernetes API server over HTTPS: versions, conflicts, patches, watches, and the faults that a test asks for. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import jsonPatch from 'fast-json-patch'

export interface StoredObject {
  metadata: { name: string; resourceVersion?: string; uid?: string; generation?: number; [member: string]: unknown }
  [member: string]: unknown
}

export interface Call {
  verb: string
  path: string
  body?: unknown
  authorization?: string
}

export interface ApiServerDouble {
  url: string
  /** Every request since the start, watches too. */
  calls: Call[]
  /** Creates or replaces, as somebody else would. `path` is the object's. */
  put(path: string, object: Omit<StoredObject, 'metadata'> & { metadata?: Record<string, unknown> }): StoredObject
  read(path: string): StoredObject | undefined
  remove(path: string): void
  /** Answers a request itself: a review, a document that is no object, a fault. Undefined leaves it to the store. */
  intercept(handler: (call: Call) => Answer | undefined): void
  /** Ends every open watch, as a server does every few minutes. */
  endWatches(): void
  /** Forgets old versions: watches from them are answered 410. */
  forget(): void
  /** How many connections were made, those of watches too. */
  connections(): number
  openWatches(): number
  /** How many writes over the wire changed the object. */
  writes(path: string): number
  /** The content of a kubeconfig for it. */
  kubeconfig(): string
  close(): Promise<void>
}

export interface Answer {
  status: number
  body: unknown
  headers?: Record<string, string>
}

export interface ApiServerOptions {
  /** PEM; good for 127.0.0.1. */
  cert: string
  key: string
  /** PEM of the root. */
  ca: string
  token?: string
}

interface Change {
  version: number
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  path: string
  object: StoredObject
}

interface OpenWatch {
  collection: string
  name: string | undefined
  response: ServerResponse
}

const OBJECT =
  /^(.*\/(?:secrets|configmaps|pods|mutatingwebhookconfigurations|audiencepolicies))(?:\/([^/]+))?(\/status)?$/

export async function startApiServer(options: ApiServerOptions): Promise<ApiServerDouble> {
  const objects = new Map<string, StoredObject>()
  const history: Change[] = []
  const watches = new Set<OpenWatch>()
  const calls: Call[] = []
  const written: string[] = []
  const handlers: ((call: Call) => Answer | undefined)[] = []
  let version = 100
  let oldest = 0
  let connections = 0

  function store(path: string, object: StoredObject, type: Change['type']): StoredObject {
    version += 1
    const next = structuredClone(object)
    next.metadata.resourceVersion = String(version)
    if (type === 'DELETED') objects.delete(path)
    else objects.set(path, next)
    const change = { version, type, path, object: next }
    history.push(change)
    for (const watch of watches) tell(watch, change)
    return next
  }

  function write(path: string, object: StoredObject): StoredObject {
    const old = objects.get(path)
    const uid = old?.metadata.uid ?? object.metadata.uid ?? crypto.randomUUID()
    const changed = JSON.stringify(old?.['spec']) !== JSON.stringify(object['spec'])
    const generation = (old?.metadata.generation ?? 0) + (changed || old === undefined ? 1 : 0)
    const next = { ...object, metadata: { ...object.metadata, uid, generation } }
    if (old !== undefined && sameContent(old, next)) return old
    return store(path, next, old === undefined ? 'ADDED' : 'MODIFIED')
  }

  /** @returns undefined when the watch stands */
  function startWatch(collection: string, query: URLSearchParams, response: ServerResponse): Answer | undefined {
    const name = /^metadata\.name=(.+)$/.exec(query.get('fieldSelector') ?? '')?.[1]
    const from = Number(query.get('resourceVersion') ?? 0)
    if (from > 0 && from < oldest) return status(410, 'Expired', 'too old resource version')
    const watch = { collection, name, response }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    const now = [...objects].map(([path, object]): Change => ({ version, type: 'ADDED', path, object }))
    for (const change of from > 0 ? history.filter(({ version }) => version > from) : now) tell(watch, change)
    watches.add(watch)
    response.on('close', () => watches.delete(watch))
    return undefined
  }

  /** @returns undefined when the response is a watch */
  function serve(call: Call, request: IncomingMessage, response: ServerResponse): Answer | undefined {
    const own = handlers.reduce<Answer | undefined>((found, handler) => found ?? handler(call), undefined)
    if (own !== undefined) return own
    const [, collection = '', name, subresource] = OBJECT.exec(call.path) ?? []
    if (collection === '') return status(404, 'NotFound', `no resource at ${call.path}`)
    if (call.verb === 'watch') return startWatch(collection, urlOf(request).searchParams, response)
    if (name === undefined) return listOf(collection)
    const contentType = request.headers['content-type'] ?? ''
    return change(call, `${collection}/${name}`, subresource !== undefined, contentType)
  }

  function listOf(collection: string): Answer {
    const items = [...objects].filter(([path]) => isIn(path, collection)).map(([, object]) => object)
    return { status: 200, body: { kind: 'List', metadata: { resourceVersion: String(version) }, items } }
  }

  function change({ verb, body }: Call, path: string, isStatus: boolean, contentType: string): Answer {
    const old = objects.get(path)
    if (old === undefined) return status(404, 'NotFound', `${path} not found`)
    if (verb === 'get') return { status: 200, body: old }
    const wanted = verb === 'patch' ? patched(old, body, contentType) : (body as StoredObject)
    const { resourceVersion } = wanted.metadata
    if (resourceVersion !== undefined && resourceVersion !== old.metadata.resourceVersion) {
      return status(409, 'Conflict', `${path}: the object has been modified`)
    }
    const next = isStatus
      ? { ...old, status: wanted['status'] }
      : { ...wanted, ...('status' in old ? { status: old['status'] } : {}) }
    const stored = write(path, next)
    if (stored !== old) written.push(path)
    return { status: 200, body: stored }
  }

  const server = createServer({ cert: options.cert, key: options.key }, async (request, response) => {
    const call = callOf(request, await read(request))
    calls.push(call)
    const given = options.token === undefined || call.authorization === `Bearer ${options.token}`
    const own = given ? serve(call, request, response) : status(401, 'Unauthorized', 'Unauthorized')
    if (own !== undefined) answer(response, own)
  })
  server.on('secureConnection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    url,
    calls,
    put: (path, object) =>
      write(path, { ...object, metadata: { name: path.split('/').at(-1) ?? '', ...object.metadata } }),
    read: (path) => objects.get(path),
    remove(path) {
      const old = objects.get(path)
      if (old !== undefined) store(path, old, 'DELETED')
    },
    intercept: (handler) => void handlers.unshift(handler),
    endWatches() {
      for (const { response } of watches) response.end()
      watches.clear()
    },
    forget() {
      oldest = version + 1
      version += 1
    },
    connections: () => connections,
    openWatches: () => watches.size,
    writes: (path) => written.filter((one) => one === path).length,
    kubeconfig: () => kubeconfigOf(url, options),
    close: () => closeServer(server),
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

function urlOf(request: IncomingMessage): URL {
  return new URL(request.url ?? '/', 'https://api.test')
}

function callOf(request: IncomingMessage, text: string): Call {
  const url = urlOf(request)
  const isWatch = url.searchParams.get('watch') === 'true'
  const isOne = OBJECT.exec(url.pathname)?.[2] !== undefined
  const verbs: Record<string, string> = { GET: isOne ? 'get' : 'list', POST: 'create', PUT: 'update', PATCH: 'patch' }
  const { authorization } = request.headers
  return {
    verb: isWatch ? 'watch' : (verbs[request.method ?? ''] ?? 'other'),
    path: url.pathname,
    ...(text === '' ? {} : { body: JSON.parse(text) }),
    ...(authorization === undefined ? {} : { authorization }),
  }
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function tell({ collection, name, response }: OpenWatch, { type, path, object }: Change): void {
  if (!isIn(path, collection) || (name !== undefined && object.metadata.name !== name)) return
  response.write(`${JSON.stringify({ type, object })}\n`)
}

function isIn(path: string, collection: string): boolean {
  return path.startsWith(`${collection}/`) && !path.slice(collection.length + 1).includes('/')
}

function patched(old: StoredObject, patch: unknown, contentType: string): StoredObject {
  if (contentType.startsWith('application/json-patch+json')) {
    return jsonPatch.applyPatch(structuredClone(old), patch as jsonPatch.Operation[], true, false).newDocument
  }
  return merged(old, patch) as StoredObject
}

/** RFC 7386. */
function merged(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {}
  const result = base as Record<string, unknown>
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = merged(result[key], value)
  }
  return result
}

function sameContent(old: StoredObject, next: StoredObject): boolean {
  const plain = (object: StoredObject) =>
    JSON.stringify(sorted({ ...object, metadata: { ...object.metadata, resourceVersion: '', generation: 0 } }))
  return plain(old) === plain(next)
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]))
}

function status(code: number, reason: string, message: string): Answer {
  return { status: code, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message } }
}

function answer(response: ServerResponse, { status: code, body, headers }: Answer): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

function kubeconfigOf(server: string, { ca, token }: ApiServerOptions): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'double', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
    ],
    users: [{ name: 'test', user: token === undefined ? {} : { token } }],
    contexts: [{ name: 'double', context: { cluster: 'double', user: 'test' } }],
    'current-context': 'double',
  })
}

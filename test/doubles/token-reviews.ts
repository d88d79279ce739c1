/** Lets the API server's double answer TokenReviews and keep pods, as a cluster does for the tokens of its issuer. */
import { decodeJwt } from 'jose'
import type { Answer, ApiServerDouble, StoredObject } from './api-server.ts'
import type { ClusterIssuer } from './cluster-issuer.ts'

const TOKEN_REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews'

interface Binding {
  namespace: string
  serviceaccount: { name: string; uid: string }
  pod: { name: string; uid: string }
  node: { name: string; uid: string }
}

export interface PlayedCluster {
  /** Runs the pod that a token is bound to. @param changes merged over the pod's top level members */
  run(token: string, changes?: { spec?: object; status?: object; metadata?: object }): StoredObject
  /** Deletes it at once. */
  kill(token: string): void
  /** From now on this is merged over the status of every review. */
  say(status: object): void
}

/** Answers reviews, and the keys of `issuer` at the API server's own path. */
export function playCluster(server: ApiServerDouble, issuer: ClusterIssuer): PlayedCluster {
  let said: object = {}
  server.intercept(({ verb, path, body }): Answer | undefined => {
    if (path === '/openid/v1/jwks') return { status: 200, body: issuer.jwks() }
    if (verb !== 'create' || path !== TOKEN_REVIEWS) return undefined
    const { spec } = body as { spec: { token: string; audiences: string[] } }
    return { status: 201, body: { kind: 'TokenReview', status: { ...review(server, spec), ...said } } }
  })
  return {
    run(token, { spec, status, metadata } = {}) {
      const { binding, audiences } = read(token)
      const [audience] = audiences
      const volumes = [{ name: 'x', projected: { sources: [{ serviceAccountToken: { audience, path: 'token' } }] } }]
      return server.put(pathOf(binding), {
        metadata: { uid: binding.pod.uid, ...metadata },
        spec: { serviceAccountName: binding.serviceaccount.name, nodeName: binding.node.name, volumes, ...spec },
        status: { phase: 'Running', ...status },
      })
    },
    kill: (token) => server.remove(pathOf(read(token).binding)),
    say(status) {
      said = status
    },
  }
}

/** As kubernetes pkg/serviceaccount/claims.go validates and pkg/serviceaccount/jwt.go answers. */
function review(server: ApiServerDouble, { token, audiences }: { token: string; audiences: string[] }): object {
  const { binding, audiences: own, jti } = read(token)
  const shared = own.filter((audience) => audiences.includes(audience))
  if (shared.length === 0) return { user: {}, error: '[invalid bearer token, token audiences are not for this server]' }
  if (server.read(pathOf(binding))?.metadata.uid !== binding.pod.uid) {
    return { user: {}, error: '[invalid bearer token, service account token has been invalidated]' }
  }
  const extra = {
    'pod-name': [binding.pod.name],
    'pod-uid': [binding.pod.uid],
    'node-name': [binding.node.name],
    'node-uid': [binding.node.uid],
    'credential-id': [`JTI=${jti}`],
  }
  const prefixed = Object.entries(extra).map(([key, value]) => [`authentication.kubernetes.io/${key}`, value])
  const username = `system:serviceaccount:${binding.namespace}:${binding.serviceaccount.name}`
  const user = { username, uid: binding.serviceaccount.uid, groups: [], extra: Object.fromEntries(prefixed) }
  return { authenticated: true, audiences: shared, user }
}

function read(token: string): { binding: Binding; audiences: string[]; jti: string | undefined } {
  const { aud, jti, 'kubernetes.io': binding } = decodeJwt(token)
  return { binding: binding as Binding, audiences: [aud ?? []].flat(), jti }
}

function pathOf({ namespace, pod }: Binding): string {
  return `/api/v1/namespaces/${namespace}/pods/${pod.name}`
}

/** Kubernetes objects as plain JSON, and the paths under which the API server keeps them. Pure. */

/** Members that we do not name survive every read and write. */
export interface KubernetesObject {
  apiVersion?: string
  kind?: string
  metadata: {
    name: string
    namespace?: string
    uid?: string
    resourceVersion?: string
    generation?: number
    deletionTimestamp?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
    [member: string]: unknown
  }
  [member: string]: unknown
}

/** A collection, or one object of it. */
export interface Target {
  /** Path of the collection, such as `/api/v1/namespaces/identity/secrets`. */
  collection: string
  /** The one object that is meant; a role may grant it by name. */
  name?: string
}

export const TOKEN_REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews'
/** The keys with which the cluster signs service account tokens. */
export const CLUSTER_JWKS = '/openid/v1/jwks'

export const secrets = (namespace: string) => `/api/v1/namespaces/${namespace}/secrets`
export const configMaps = (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps`
export const pods = (namespace: string) => `/api/v1/namespaces/${namespace}/pods`
export const MUTATING_WEBHOOK_CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'
export const AUDIENCE_POLICIES = '/apis/token-projector.dev/v1alpha1/audiencepolicies'

export function objectPath(collection: string, name: string): string {
  return `${collection}/${encodeURIComponent(name)}`
}

/** What a person calls it: `secrets/signer-tls in namespace identity`. */
export function describeTarget({ collection, name }: Target): string {
  const [, namespace, resource] = /(?:\/namespaces\/([^/]+))?\/([^/]+)$/.exec(collection) ?? []
  const called = name === undefined ? `${resource}` : `${resource}/${name}`
  return namespace === undefined ? called : `${called} in namespace ${namespace}`
}

/** A Secret's content as text. */
export function secretData(secret: KubernetesObject): Record<string, string> {
  const entries = Object.entries((secret['data'] ?? {}) as Record<string, string>)
  return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]))
}

/** The Secret with exactly `data`; everything else of it stays, its resourceVersion among that. */
export function withSecretData(secret: KubernetesObject, data: Readonly<Record<string, string>>): KubernetesObject {
  const entries = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'utf8').toString('base64')])
  return { ...secret, data: Object.fromEntries(entries) }
}

/** A ConfigMap's text under `key`. */
export function configMapText(configMap: KubernetesObject, key: string): string | undefined {
  return (configMap['data'] as Record<string, string> | undefined)?.[key]
}

/** The ConfigMap with `text` under `key`; other keys stay. */
export function withConfigMapText(configMap: KubernetesObject, key: string, text: string): KubernetesObject {
  return { ...configMap, data: { ...(configMap['data'] as Record<string, string> | undefined), [key]: text } }
}

/** What the command line assumes where a person says nothing: the names that the chart and the local issuer have. Pure. */
import { VERSION } from '../version.ts'

/** The issuer of `exec`; a `.test` name (RFC 6761) that nobody can own. */
export const LOCAL_ISSUER = 'https://issuer.token-projector.test'
/** Signs the identity tokens of `exec`, as a cluster's API server would. */
export const LOCAL_CLUSTER_ISSUER = 'https://kubernetes.token-projector.test'
export const LOCAL_CLUSTER = 'local'
export const LOCAL_ORGANIZATION = 'local'
export const LOCAL_NODE = 'local'
/** Every interface of a local process is this one. */
export const LOCAL_ADDRESS = '127.0.0.1'

export const DEFAULT_NAMESPACE = 'default'
export const DEFAULT_SERVICE_ACCOUNT = 'default'
export const DEFAULT_IMAGE = `token-projector:${VERSION}`
/** The chart's release and namespace when nobody names them otherwise. */
export const DEFAULT_SIGNER_URL = 'https://token-projector-signer.token-projector.svc'

/** The identity audience of an installation that configures none. */
export function identityAudienceOf(issuer: string): string {
  return `${issuer}/token`
}

/** Every name and wire type that two processes share. Pure. */

/** Annotations carry this prefix unless an installation configures another. */
export const DEFAULT_ANNOTATION_PREFIX = 'token-projector.dev/'

/** Kubernetes names that the webhook adds to a pod. */
export const IDENTITY_VOLUME = 'token-projector-identity'
export const TOKENS_VOLUME = 'token-projector-tokens'
export const SIDECAR_CONTAINER = 'token-projector'
export const FETCH_CONTAINER = 'token-projector-fetch'

/** Our containers mount the identity token here, which keeps the API server's token out of them. */
export const IDENTITY_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount'
export const IDENTITY_TOKEN_FILE = `${IDENTITY_DIRECTORY}/token`
export const IDENTITY_TTL_SECONDS = 3600

/** One file per token, named like the token, and the provider files beside them. */
export const TOKENS_DIRECTORY = '/var/run/secrets/token-projector.dev/tokens'

/** The programs in our image, called by absolute path because the image holds no shell. */
export const IMAGE_NODE = '/usr/local/bin/node'
export const IMAGE_WEBHOOK = '/opt/token-projector/webhook.js'
export const IMAGE_SIGNER = '/opt/token-projector/signer.js'
export const IMAGE_SIDECAR = '/opt/token-projector/sidecar.js'
export const IMAGE_WAIT = '/opt/token-projector/sidecar-wait.js'
export const IMAGE_CLI = '/opt/token-projector/cli.js'

/** The sidecar's whole configuration, as JSON in one variable. */
export const SIDECAR_VARIABLE = 'TOKEN_PROJECTOR_SIDECAR'
export const SIDECAR_OPS_PORT = 9465

/** The lifetimes that the webhook accepts in annotations, in seconds. */
export const TTL_SECONDS = { minimum: 600, maximum: 86_400, default: 3600 } as const
/** The shortest lifetime that the signer hands out, in seconds. */
export const EXCHANGE_MINIMUM_TTL_SECONDS = 10
/** Azure's clients hold a token for ten minutes, so theirs live at least this long, in seconds. */
export const AZURE_MINIMUM_TTL_SECONDS = 1800

/** RFC 8693 identifiers. */
export const TOKEN_EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const JWT_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:jwt'
/** Tells sidecars that keys were tainted and every token is to be renewed. */
export const GENERATION_HEADER = 'token-projector-generation'

/** Where the signer publishes, below the issuer URL. */
export const DISCOVERY_PATH = '/.well-known/openid-configuration'
export const JWKS_PATH = '/.well-known/jwks.json'

/** What a process says by its exit code; 64 to 78 follow sysexits(3). */
export const EXIT = {
  ok: 0,
  usage: 64,
  data: 65,
  internal: 70,
  deadline: 75,
  refused: 77,
  configuration: 78,
} as const

/** The content of {@link SIDECAR_VARIABLE}. A reader ignores unknown keys and refuses a higher version. */
export interface SidecarConfig {
  version: 1
  signer: { url: string /** PEM; absent means the public roots. */; caBundle?: string }
  identityTokenFile: string
  directory: string
  /** Octal, such as "0644". */
  fileMode: string
  opsPort: number
  tokens: SidecarToken[]
  files: SidecarFile[]
  /** How long the start of the pod waits for the first tokens; 0 when it does not wait. */
  startDeadlineSeconds: number
  localApi: string[]
}

export interface SidecarToken {
  name: string
  audience: string
  ttlSeconds: number
}

/** A file that a provider's SDK needs beside its token. */
export interface SidecarFile {
  name: string
  content: string
}

/** The 200 answer of `POST /token`, RFC 8693 section 2.2.1. */
export interface ExchangeAnswer {
  access_token: string
  issued_token_type: typeof JWT_TOKEN_TYPE
  token_type: 'N_A'
  expires_in: number
}

/** Any other answer of `POST /token`, RFC 6749 section 5.2. */
export interface ExchangeError {
  error: ExchangeErrorCode
  error_description: string
}

export type ExchangeErrorCode =
  | 'invalid_request'
  | 'unsupported_grant_type'
  | 'invalid_target'
  | 'temporarily_unavailable'
  | 'server_error'

/** What the API server vouches for when a pod asks for a token. */
export interface CallerFacts {
  /** Name of the cluster in the signer's configuration. */
  cluster: string
  namespace: string
  serviceAccount: { name: string; uid: string }
  pod: { name: string; uid: string }
  node?: { name: string; uid?: string }
  /** Unix seconds at which the identity token expires. */
  expiresAt: number
  /** `jti` of the identity token, for the audit log. */
  credentialId?: string
  /** The cluster said a moment ago that the pod still lives; without that nothing outlives the identity token. */
  isConfirmed?: true
}

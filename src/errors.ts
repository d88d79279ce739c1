/** The registry of everything that can go wrong: reason code, who caused it, what each caller is answered. Pure. */
import { EXIT, type ExchangeErrorCode } from './contract.ts'

/** How an outcome leaves each process: the exchange's OAuth error, the admission status code, the exit code of a program. */
interface Entry {
  /** One sentence for docs/reference/errors.md. */
  meaning: string
  exchange?: { status: number; error: ExchangeErrorCode }
  admissionCode?: number
  exitCode: number
}

const annotation = (meaning: string): Entry => ({ meaning, admissionCode: 400, exitCode: EXIT.data })
const policy = (meaning: string): Entry => ({
  meaning,
  admissionCode: 403,
  exchange: { status: 400, error: 'invalid_target' },
  exitCode: EXIT.refused,
})
const request = (meaning: string): Entry => ({
  meaning,
  exchange: { status: 400, error: 'invalid_request' },
  exitCode: EXIT.refused,
})

export const REASONS = {
  // What a person wrote on a pod.
  'unknown-annotation': annotation('an annotation with our prefix that we do not know'),
  'bad-annotation-value': annotation('an annotation whose value we cannot use'),
  'missing-annotation': annotation('an annotation that another one needs is absent'),
  'not-opted-in': annotation('annotations with our prefix, none of which asks for a token'),
  'too-many-tokens': annotation('more than sixteen tokens for one pod'),
  'too-many-annotations': annotation('more annotations with our prefix than any pod needs'),
  'duplicate-token': annotation('two annotations that define the same token'),
  'unknown-token': annotation('an annotation that refers to a token nobody defined'),
  'unknown-container': annotation('an annotation that names a container the pod does not have'),
  'mode-not-supported': annotation('a mode that this version cannot inject'),
  'delivery-not-supported': annotation('a delivery or local API that this version does not have'),
  'variable-conflict': annotation('a container already sets a variable that we would set'),
  'reserved-name': annotation('the pod declares one of our names in another form'),

  // What policy says, at admission and at the exchange.
  'no-matching-policy': policy('no AudiencePolicy allows this service account this audience'),
  'denied-by-policy': policy('an AudiencePolicy with effect Deny matches'),
  'reserved-audience': policy("an audience of the API server's or of the signer itself"),
  'subject-not-usable': policy('the computed sub is shorter or longer than relying parties accept'),
  'ttl-not-usable': policy('policy allows this token less life than its clients need'),
  'token-too-large': policy('the signed token is larger than the issuer allows'),

  // What a caller sends to the exchange.
  'malformed-request': request('a parameter is missing, repeated, foreign or malformed'),
  'unsupported-grant-type': {
    meaning: 'a grant type other than token exchange',
    exchange: { status: 400, error: 'unsupported_grant_type' },
    exitCode: EXIT.refused,
  },
  'subject-token-malformed': request('the subject token is not a JWT of a service account'),
  'subject-token-untrusted': request('no configured cluster issued the subject token, or its signature is wrong'),
  'subject-token-expired': request('the subject token is expired or not valid yet'),
  'subject-token-audience': request("the subject token's audience is not exactly the identity audience"),
  'subject-token-not-pod-bound': request('the subject token is not bound to a pod'),
  'subject-token-rejected': request('the API server does not accept the subject token, or vouches for another caller'),
  'pod-gone': request('the pod that the subject token is bound to does not exist any more'),
  'pod-finished': request('the pod that the subject token is bound to has succeeded or failed'),
  'pod-mismatch': request('the pod does not agree with the subject token that is bound to it'),
  'subject-token-ending': {
    meaning:
      'the subject token ends too soon for a token that this audience can use; it passes when the kubelet renews it',
    exchange: { status: 503, error: 'temporarily_unavailable' },
    exitCode: EXIT.deadline,
  },
  'policy-unavailable': {
    meaning: 'no valid policy is loaded',
    exchange: { status: 503, error: 'temporarily_unavailable' },
    exitCode: EXIT.deadline,
  },
  'cluster-unavailable': {
    meaning: 'the API server of the cluster, or its keys, cannot be reached',
    exchange: { status: 503, error: 'temporarily_unavailable' },
    exitCode: EXIT.deadline,
  },
  'keys-unavailable': {
    meaning: 'the signer has no usable signing keys yet',
    exchange: { status: 503, error: 'temporarily_unavailable' },
    exitCode: EXIT.deadline,
  },

  // What keeps the sidecar from a token.
  'signer-unreachable': { meaning: 'the signer does not answer', exitCode: EXIT.deadline },
  'signer-untrusted': { meaning: "the signer's certificate is not one that we trust", exitCode: EXIT.deadline },
  'signer-unavailable': { meaning: 'the signer answers that it cannot serve now', exitCode: EXIT.deadline },
  'signer-refused': { meaning: 'the signer refuses the token; its description says why', exitCode: EXIT.refused },
  'signer-answer-unusable': { meaning: 'the signer answered what no signer answers', exitCode: EXIT.deadline },
  'identity-token-unreadable': { meaning: 'the identity token cannot be read from its file', exitCode: EXIT.deadline },
  'token-file-unwritable': { meaning: 'the token file cannot be replaced; the old one stays', exitCode: EXIT.deadline },

  // What we could not do.
  'configuration-invalid': { meaning: 'the configuration of a process is wrong', exitCode: EXIT.configuration },
  'key-store-unusable': { meaning: 'the key store is unreadable, malformed or lost', exitCode: EXIT.configuration },
  'not-ready': {
    meaning: 'a service was asked before it had read what it needs from the cluster',
    admissionCode: 500,
    exitCode: EXIT.deadline,
  },
  'input-malformed': {
    meaning: 'input that cannot be parsed',
    admissionCode: 400,
    exitCode: EXIT.data,
  },
  internal: {
    meaning: 'our own fault',
    admissionCode: 500,
    exchange: { status: 500, error: 'server_error' },
    exitCode: EXIT.internal,
  },
} as const satisfies Record<string, Entry>

export type Reason = keyof typeof REASONS

/** What the registry says of `reason`, with the optional members readable. */
export function entryOf(reason: Reason): Entry {
  return REASONS[reason]
}

/** An expected "no": a stable reason and a sentence that tells the person what to change. */
export interface Refusal {
  refused: Reason
  message: string
}

export function refuse(refused: Reason, message: string): Refusal {
  return { refused, message }
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'refused' in value
}

/** "Could not do the job". `message` may be read by the caller; `cause` is for the log. */
export class ProjectorError extends Error {
  readonly reason: Reason

  constructor(reason: Reason, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'ProjectorError'
    this.reason = reason
  }

  get exitCode(): number {
    return REASONS[this.reason].exitCode
  }
}

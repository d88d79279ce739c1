/** Answers an AdmissionReview, admission.k8s.io/v1. Pure. */
import { entryOf, type Reason, type Refusal } from '../errors.ts'
import type { InjectionContext } from './context.ts'
import { isObject, type JsonObject, malformed, memberOf, objectAt, textAt } from './json.ts'
import type { Operation } from './patch.ts'
import { type PodOutcome, projectPod, type UntouchedReason } from './pod.ts'

export const REVIEW_API_VERSION = 'admission.k8s.io/v1'
const REVIEW_KIND = 'AdmissionReview'
/** The API server cuts longer ones. */
const WARNING_CHARACTERS = 256

/** The API server's own words for what went wrong, by HTTP status. */
const STATUS_REASONS: Record<number, string> = { 400: 'BadRequest', 403: 'Forbidden' }

/** A review's outcome and why, as metric labels and log fields; bounded. */
export type Verdict =
  | { outcome: 'untouched'; reason: UntouchedReason }
  | { outcome: 'injected'; reason: 'requested' | 'unchanged' }
  | { outcome: 'refused'; reason: Reason }

/** What a log may say of a review. */
export interface Subject {
  uid: string
  namespace: string
  /** `metadata.name`, or `generateName` where the API server makes the name later. */
  pod: string
}

export type Admission = Verdict & { subject: Subject; response: JsonObject }

/**
 * Judges a review and answers it.
 * @param body the parsed request
 * @throws ProjectorError `input-malformed` where it is no AdmissionReview with a request
 */
export function admit(body: unknown, context: InjectionContext): Admission {
  const request = requestOf(body)
  const uid = textAt(request, 'uid', 'request.uid')
  if (uid === undefined) throw malformed('request.uid', 'there')
  const namespace = textAt(request, 'namespace', 'request.namespace') ?? ''
  const outcome = outcomeOf(request, namespace, context)
  const verdict = verdictOf(outcome)
  const answer = { uid, ...answerOf(outcome), auditAnnotations: { ...verdict } }
  return {
    ...verdict,
    subject: { uid, namespace, pod: podNameOf(request) },
    response: { apiVersion: REVIEW_API_VERSION, kind: REVIEW_KIND, response: answer },
  }
}

function requestOf(body: unknown): JsonObject {
  if (!isObject(body)) throw malformed('the body', 'a JSON object')
  if (body['apiVersion'] !== REVIEW_API_VERSION) throw malformed('apiVersion', REVIEW_API_VERSION)
  if (body['kind'] !== REVIEW_KIND) throw malformed('kind', REVIEW_KIND)
  const request = memberOf(body, 'request')
  if (!isObject(request)) throw malformed('request', 'an object')
  return request
}

function outcomeOf(request: JsonObject, namespace: string, context: InjectionContext): PodOutcome {
  const kind = objectAt(request, 'kind', 'request.kind')
  const isPod = (memberOf(kind, 'group') ?? '') === '' && kind['kind'] === 'Pod'
  if (!isPod || (memberOf(request, 'subResource') ?? '') !== '') return { outcome: 'untouched', reason: 'not-a-pod' }
  if (request['operation'] !== 'CREATE') return { outcome: 'untouched', reason: 'not-a-create' }
  const pod = memberOf(request, 'object')
  if (!isObject(pod)) throw malformed('request.object', 'a pod')
  return projectPod(pod, namespace, context)
}

function verdictOf(outcome: PodOutcome): Verdict {
  if (outcome.outcome === 'untouched') return outcome
  if (outcome.outcome === 'injected') {
    return { outcome: 'injected', reason: outcome.patch.length === 0 ? 'unchanged' : 'requested' }
  }
  return { outcome: 'refused', reason: outcome.refusals[0]?.refused ?? 'internal' }
}

function answerOf(outcome: PodOutcome): JsonObject {
  if (outcome.outcome === 'untouched') return { allowed: true }
  if (outcome.outcome === 'refused') return { allowed: false, status: statusOf(outcome.refusals) }
  const warnings = outcome.warnings.map(shortened)
  return { allowed: true, ...patchOf(outcome.patch), ...(warnings.length === 0 ? {} : { warnings }) }
}

/** Patch and type together or neither: the API server takes one without the other for a fault. */
function patchOf(operations: readonly Operation[]): JsonObject {
  if (operations.length === 0) return {}
  const text = JSON.stringify(operations)
  return { patchType: 'JSONPatch', patch: new TextEncoder().encode(text).toBase64() }
}

/** Every refusal in one message, each with its reason, which the reference explains. */
function statusOf(refusals: readonly Refusal[]): JsonObject {
  const code = entryOf(refusals[0]?.refused ?? 'internal').admissionCode ?? 400
  const message = refusals.map((refusal) => `${refusal.message} (${refusal.refused})`).join('; ')
  return { code, reason: STATUS_REASONS[code] ?? 'BadRequest', message }
}

function shortened(warning: string): string {
  return warning.length <= WARNING_CHARACTERS ? warning : `${warning.slice(0, WARNING_CHARACTERS - 3)}...`
}

/** The longest name of a pod; what is longer is refused after us, and must not fill the log until then. */
const NAME_CHARACTERS = 253

function podNameOf(request: JsonObject): string {
  const pod = memberOf(request, 'object')
  const metadata = isObject(pod) ? memberOf(pod, 'metadata') : undefined
  if (!isObject(metadata)) return ''
  return String(memberOf(metadata, 'name') ?? memberOf(metadata, 'generateName') ?? '').slice(0, NAME_CHARACTERS)
}

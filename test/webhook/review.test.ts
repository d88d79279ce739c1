/** AdmissionReviews in, AdmissionReviews out. */
import { expect, test } from 'vitest'
import type { InjectionContext } from '../../src/webhook/context.ts'
import type { JsonObject } from '../../src/webhook/json.ts'
import { type Admission, admit } from '../../src/webhook/review.ts'
import { applied } from './apply.ts'
import { CONTEXT, podWith } from './context.ts'
import { reviewOf } from './reviews.ts'

const POD = podWith({ audience: 'vault.example' })

function answer(
  review: JsonObject,
  context: InjectionContext = CONTEXT,
): { admission: Admission; response: JsonObject } {
  const admission = admit(review, context)
  return { admission, response: admission.response['response'] as JsonObject }
}

test('an injected pod is answered with patch and type, base64 of RFC 6902', () => {
  const { admission, response } = answer(reviewOf(POD))
  expect(admission.response).toMatchObject({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' })
  expect(response).toMatchObject({
    uid: 'review-1',
    allowed: true,
    patchType: 'JSONPatch',
    auditAnnotations: { outcome: 'injected', reason: 'requested' },
  })
  const patch = JSON.parse(Buffer.from(String(response['patch']), 'base64').toString('utf8'))
  expect(applied(POD, patch)).toMatchObject({
    metadata: { annotations: { 'token-projector.dev/status': 'injected 0.1.0' } },
  })
  expect(response).not.toHaveProperty('status')
  expect(response).not.toHaveProperty('warnings')
})

test('a pod that is injected already gets neither patch nor type', () => {
  const patch = JSON.parse(Buffer.from(String(answer(reviewOf(POD)).response['patch']), 'base64').toString('utf8'))
  expect(answer(reviewOf(applied(POD, patch))).response).toEqual({
    uid: 'review-1',
    allowed: true,
    auditAnnotations: { outcome: 'injected', reason: 'unchanged' },
  })
})

test('a patch with other letters than ASCII survives the way', () => {
  const pod = podWith({ audience: 'vault.example' })
  const { response } = answer(reviewOf(pod), { ...CONTEXT, version: 'Ünïcödé' })
  expect(Buffer.from(String(response['patch']), 'base64').toString('utf8')).toContain('injected Ünïcödé')
})

test.each<[string, JsonObject, JsonObject, string]>([
  ['another kind', POD, { kind: { group: '', version: 'v1', kind: 'Service' } }, 'not-a-pod'],
  ['another group', POD, { kind: { group: 'example.org', version: 'v1', kind: 'Pod' } }, 'not-a-pod'],
  ['a part of a pod', POD, { subResource: 'ephemeralcontainers' }, 'not-a-pod'],
  ['an update', POD, { operation: 'UPDATE' }, 'not-a-create'],
  ['a deletion, which has no object', POD, { operation: 'DELETE', object: null }, 'not-a-create'],
  ['a pod without our annotations', { metadata: { name: 'x' }, spec: {} }, {}, 'no-annotations'],
  ['a mirror pod', podWith({}), { object: mirror() }, 'mirror-pod'],
])('allowed untouched: %s', (_name, pod, changes, reason) => {
  expect(answer(reviewOf(pod, changes)).response).toEqual({
    uid: 'review-1',
    allowed: true,
    auditAnnotations: { outcome: 'untouched', reason },
  })
})

function mirror(): JsonObject {
  return { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x', 'token-projector.dev/audience': 'a' } } }
}

test("a person's mistake is 400 with every refusal in the message", () => {
  const { admission, response } = answer(reviewOf(podWith({ audience: 'two words', start: 'never' })))
  expect(admission).toMatchObject({ outcome: 'refused', reason: 'bad-annotation-value' })
  expect(response).toEqual({
    uid: 'review-1',
    allowed: false,
    status: {
      code: 400,
      reason: 'BadRequest',
      message: expect.stringMatching(/audience is .*\); .*start is "never".*\)$/),
    },
    auditAnnotations: { outcome: 'refused', reason: 'bad-annotation-value' },
  })
})

test('policy is 403', () => {
  expect(answer(reviewOf(podWith({ audience: 'elsewhere.example' }))).response).toMatchObject({
    allowed: false,
    status: {
      code: 403,
      reason: 'Forbidden',
      message: expect.stringMatching(
        /^no AudiencePolicy allows service account payments\/checkout .* \(no-matching-policy\)$/,
      ),
    },
  })
})

test('the namespace is the one of the request', () => {
  const { response } = answer(reviewOf(POD, { namespace: 'elsewhere' }))
  expect(response).toMatchObject({ status: { message: expect.stringContaining('service account elsewhere/checkout') } })
})

test('a warning is no longer than the API server takes', () => {
  const warn = { ...CONTEXT, policyCheck: 'warn' as const }
  const { response } = answer(reviewOf(podWith({ audience: `https://${'a'.repeat(200)}.example` })), warn)
  const [warning] = response['warnings'] as string[]
  expect(warning).toHaveLength(256)
  expect(warning).toMatch(/^no AudiencePolicy allows .*\.\.\.$/)
})

test.each([
  ['its name', { name: 'checkout' }, 'checkout'],
  ['the beginning of a name to be made', { generateName: 'checkout-7c9f8d6b5d-' }, 'checkout-7c9f8d6b5d-'],
  ['nothing', {}, ''],
])('a log may know of the pod %s', (_name, metadata, pod) => {
  expect(admit(reviewOf({ metadata, spec: {} }), CONTEXT).subject).toEqual({
    uid: 'review-1',
    namespace: 'payments',
    pod,
  })
})

test.each<[string, unknown, string]>([
  ['nothing', undefined, 'the body'],
  ['a list', [], 'the body'],
  ['text', 'review', 'the body'],
  ['an older version', { ...reviewOf(POD), apiVersion: 'admission.k8s.io/v1beta1' }, 'apiVersion'],
  ['another kind', { ...reviewOf(POD), kind: 'List' }, 'kind'],
  ['no request', { ...reviewOf(POD), request: null }, 'request'],
  ['no uid', reviewOf(POD, { uid: '' }), 'request.uid'],
  ['a uid that is a number', reviewOf(POD, { uid: 1 }), 'request.uid'],
  ['no object', reviewOf(POD, { object: null }), 'request.object'],
  ['an object that is a list', reviewOf(POD, { object: [] }), 'request.object'],
  ['annotations that are a list', reviewOf({ metadata: { annotations: [] } }), 'metadata.annotations'],
])('what is no review is a fault that names the place: %s', (_name, body, place) => {
  expect(() => admit(body, CONTEXT)).toThrow(
    expect.objectContaining({
      reason: 'input-malformed',
      message: expect.stringMatching(new RegExp(`^${place} must be `)),
    }),
  )
})

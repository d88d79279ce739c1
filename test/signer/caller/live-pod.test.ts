/** Which pods are served. */
import { expect, test } from 'vitest'
import type { CallerFacts } from '../../../src/contract.ts'
import { podProblem } from '../../../src/signer/caller/live-pod.ts'

const AUDIENCE = 'https://issuer.example/token'
const facts: CallerFacts = {
  cluster: 'prod',
  namespace: 'payments',
  serviceAccount: { name: 'checkout', uid: 'sa-uid' },
  pod: { name: 'checkout-0', uid: 'pod-uid' },
  node: { name: 'node-1' },
  expiresAt: 1,
}
const projected = (audience: string) => ({
  name: 'v',
  projected: { sources: [{ configMap: { name: 'x' } }, { serviceAccountToken: { audience, path: 'token' } }] },
})
const spec = {
  serviceAccountName: 'checkout',
  nodeName: 'node-1',
  volumes: [{ name: 'tmp', emptyDir: {} }, projected(AUDIENCE)],
}
const pod = { metadata: { name: 'checkout-0', uid: 'pod-uid' }, spec, status: { phase: 'Running' } }
const judge = (found: unknown, caller = facts) => podProblem(found, caller, AUDIENCE)

test.each([
  ['runs', pod],
  ['is starting', { ...pod, status: { phase: 'Pending' } }],
  ['has no status yet', { ...pod, status: undefined }],
  ['is on a node that does not answer', { ...pod, status: { phase: 'Unknown' } }],
  ['is being deleted', { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2030-01-01T00:00:00Z' } }],
])('a pod that %s is served', (_name, found) => {
  expect(judge(found)).toBeUndefined()
})

test('a token that says nothing of its node is compared without', () => {
  const { node: _node, ...rest } = facts
  expect(judge(pod, rest)).toBeUndefined()
})

test.each<[string, unknown, string, string]>([
  ['that is gone', undefined, 'pod-gone', 'does not exist any more'],
  ['of the same name', { ...pod, metadata: { uid: 'other' } }, 'pod-gone', 'is another one now'],
  ['that succeeded', { ...pod, status: { phase: 'Succeeded' } }, 'pod-finished', 'has succeeded'],
  ['that failed', { ...pod, status: { phase: 'Failed' } }, 'pod-finished', 'has failed'],
  [
    'of another service account',
    { ...pod, spec: { ...spec, serviceAccountName: 'other' } },
    'pod-mismatch',
    'another service account',
  ],
  ['on another node', { ...pod, spec: { ...spec, nodeName: 'node-2' } }, 'pod-mismatch', 'another node'],
  ['on no node', { ...pod, spec: { ...spec, nodeName: undefined } }, 'pod-mismatch', 'another node'],
  ['without volumes', { ...pod, spec: { ...spec, volumes: null } }, 'pod-mismatch', `with audience ${AUDIENCE}`],
  [
    'with a volume for another audience',
    { ...pod, spec: { ...spec, volumes: [projected('vault')] } },
    'pod-mismatch',
    `with audience ${AUDIENCE}`,
  ],
  ['that is none', { kind: 'Status' }, 'pod-mismatch', 'not shaped like a pod'],
])('a pod %s is refused', (_name, found, refused, words) => {
  expect(judge(found)).toEqual({ refused, message: expect.stringContaining(words) })
  expect(judge(found)?.message).toContain('pod payments/checkout-0')
})

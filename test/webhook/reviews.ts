/** AdmissionReviews as the API server sends them. */
import type { JsonObject } from '../../src/webhook/json.ts'
import { NAMESPACE } from './context.ts'

/** The review of a pod's creation, with `changes` to its request. */
export function reviewOf(pod: JsonObject, changes: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'review-1',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      requestKind: { group: '', version: 'v1', kind: 'Pod' },
      namespace: NAMESPACE,
      operation: 'CREATE',
      userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' },
      object: pod,
      oldObject: null,
      dryRun: false,
      ...changes,
    },
  }
}

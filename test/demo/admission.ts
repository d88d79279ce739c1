/** Plays the API server: sends a workload's pod to the webhook over HTTPS and applies the patch that comes back. */
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import jsonPatch, { type Operation } from 'fast-json-patch'
import { parse } from 'yaml'

/** As much of a workload as the demo looks at. */
interface Workload {
  kind: string
  metadata: { name: string; namespace: string }
  spec: { template: { metadata: object; spec: { serviceAccountName: string } } }
}

export interface Pod {
  metadata: { namespace: string; generateName: string; annotations: Record<string, string> }
  spec: { serviceAccountName: string; initContainers: { name: string; restartPolicy?: string }[] }
}

/** The pod that the ReplicaSet controller would make of a Deployment. */
export async function podOf(deploymentFile: string): Promise<Pod> {
  const { metadata, spec } = parse(await readFile(deploymentFile, 'utf8')) as Workload
  const { template } = spec
  const pod = { apiVersion: 'v1', kind: 'Pod', ...template }
  const owned = { ...template.metadata, namespace: metadata.namespace, generateName: `${metadata.name}-7c9f8d6b5d-` }
  return { ...pod, metadata: owned } as unknown as Pod
}

/**
 * The pod as the cluster would store it.
 * @throws when the webhook denies the pod, with its sentence
 */
export async function admit(pod: Pod, url: string, ca: string): Promise<{ pod: Pod; operations: number }> {
  const uid = randomUUID()
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid,
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace: pod.metadata.namespace,
      operation: 'CREATE',
      object: pod,
      dryRun: false,
    },
  }
  const { response } = (await post(url, ca, review)) as { response: Record<string, unknown> }
  if (response.uid !== uid) throw new Error('the webhook answered another review')
  if (response.allowed !== true) throw new Error((response.status as { message: string }).message)
  const patch = decode(response.patch)
  const { newDocument } = jsonPatch.applyPatch(pod, patch, true, false)
  return { pod: newDocument, operations: patch.length }
}

function decode(patch: unknown): Operation[] {
  return typeof patch === 'string' ? JSON.parse(Buffer.from(patch, 'base64').toString()) : []
}

function post(url: string, ca: string, body: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const outgoing = request(url, { method: 'POST', ca, headers, agent: false, timeout: 10_000 }, async (response) => {
      const text = Buffer.concat(await response.toArray()).toString()
      if (response.statusCode === 200) resolve(JSON.parse(text))
      else reject(new Error(`the webhook answered ${response.statusCode}`))
    })
    outgoing.on('error', reject)
    outgoing.end(JSON.stringify(body))
  })
}

/** What a story begins with: a cluster of its own, this tree's image and chart on it, and policies for its namespaces. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import { inject } from 'vitest'
import { IMAGE_NODE, TOKENS_DIRECTORY } from '../../../src/contract.ts'
import { type Cluster, startCluster } from '../cluster.ts'
import type { Hosts } from '../configuration.ts'
import { PROBE } from '../objects.ts'
import { until } from '../wait.ts'

export const RELEASE = 'token-projector'
export const NAMESPACE = 'token-projector'
export const ISSUER = 'https://issuer.token-projector.test/acme'
export const IDENTITY_AUDIENCE = `${ISSUER}/token`
/** This tree's. */
export const CHART = join(import.meta.dirname, '../../../charts/token-projector')
const HELM_WAITS = ['--wait', '--timeout', '5m']
/** All that has no default. */
const VALUES = { issuer: { url: ISSUER, organization: 'acme' }, cluster: { name: 'prod-eu-1' } }

export interface KubernetesObject {
  kind: string
  metadata: { name: string; namespace?: string; annotations?: Record<string, string>; [key: string]: unknown }
  // biome-ignore lint/suspicious/noExplicitAny: what the API server answers is looked into, not typed
  [key: string]: any
}

export interface Installation {
  cluster: Cluster
  /** @returns what kubectl says of each object */
  apply(objects: readonly object[], ...options: string[]): Promise<string>
  get(namespace: string, ...what: string[]): Promise<KubernetesObject>
  ready(namespace: string, what: string): Promise<unknown>
  /** A token as the application's container reads it. */
  token(namespace: string, what: string, name?: string): Promise<string>
  /** Runs JavaScript with the Node of our own container in a pod. @returns what the expression's value prints as */
  inSidecar(namespace: string, pod: string, expression: string): Promise<string>
  /** As a receiver verifies: by the published keys, issuer and audience. */
  verify(token: string, audience: string): Promise<JWTPayload>
  /** A document that the signer publishes below the issuer's URL. */
  published(path: string): Promise<Record<string, unknown>>
  /** The sum of a counter's lines over all pods of a component whose labels contain `labels`. */
  counted(component: 'webhook' | 'signer', metric: string, labels?: string): Promise<number>
  /** Brings the release to these values, and to another chart and image where they are named; no replica of before is left. */
  upgrade(values?: object, release?: Release): Promise<void>
  /** Back to what the release was at its revision, the first being 1. */
  rollback(revision: number): Promise<void>
  /** Asks the exchange from the node. */
  exchange(parameters: Record<string, string>): Promise<{ status: number; body: Record<string, unknown> }>
  stop(): Promise<void>
}

/** What is installed: this tree, unless a story says otherwise. */
export interface Release {
  chart: string
  /** An OCI archive. */
  image: string
}

const thisTree = (): Release => ({ chart: CHART, image: inject('image') })

/** A stopping replica answers on while the API server's lists still name it, and is of the version before. */
const formerGone = (cluster: Cluster) =>
  until('the replicas of before are gone', async () => {
    const { items } = JSON.parse(await cluster.kubectl(['get', 'pods', '--namespace', NAMESPACE, '--output=json']))
    const stopping = items.filter(({ metadata }: KubernetesObject) => metadata['deletionTimestamp'] !== undefined)
    if (stopping.length > 0) throw new Error(`${stopping.length} are still stopping`)
  })

/** Installs or upgrades; both Deployments are ready when this comes back. */
async function helmUpgrade(cluster: Cluster, chart: string, values: object): Promise<void> {
  const file = join(cluster.directory, 'values.json')
  await writeFile(file, JSON.stringify({ ...VALUES, ...values }))
  const where = ['--namespace', NAMESPACE, '--create-namespace', '--values', file]
  await cluster.helm(['upgrade', '--install', RELEASE, chart, ...where, ...HELM_WAITS])
  await formerGone(cluster)
}

export interface InstallationOptions {
  /** This tree's, unless given. */
  release?: Release
  /** Names outside the cluster, as in ClusterOptions. */
  hosts?: Hosts
}

/** @throws Error when the cluster does not start or the chart does not come up */
export async function startInstallation(options: InstallationOptions = {}): Promise<Installation> {
  const { release = thisTree(), hosts = {} } = options
  const cluster = await startCluster({ hosts })
  try {
    await cluster.loadImage(release.image)
    await helmUpgrade(cluster, release.chart, {})
    return installationOf(cluster)
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

export function installationOf(cluster: Cluster): Installation {
  const { kubectl } = cluster
  const raw = (path: string) => kubectl(['get', `--raw=/api/v1/namespaces/${NAMESPACE}/${path}`])
  const published = async (path: string) =>
    JSON.parse(await raw(`services/https:${RELEASE}-signer-public:443/proxy${new URL(ISSUER).pathname}${path}`))
  const get = async (namespace: string, ...what: string[]) =>
    JSON.parse(await kubectl(['get', '--namespace', namespace, '--output=json', ...what]))
  const exec = (namespace: string, pod: string, container: string, command: readonly string[]) =>
    kubectl(['exec', '--namespace', namespace, pod, '--container', container, '--', ...command])
  return {
    cluster,
    apply: (objects, ...options) =>
      kubectl(
        ['apply', ...options, '--filename', '-'],
        JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
      ),
    get,
    ready: (namespace, what) =>
      kubectl(
        what.startsWith('pod/')
          ? ['wait', '--namespace', namespace, '--for=condition=Ready', what, '--timeout=90s']
          : ['rollout', 'status', '--namespace', namespace, what, '--timeout=90s'],
      ),
    token: (namespace, what, name = 'default') =>
      exec(namespace, what, 'app', [PROBE, 'read', `${TOKENS_DIRECTORY}/${name}`]),
    inSidecar: async (namespace, pod, expression) =>
      (await exec(namespace, pod, 'token-projector', [IMAGE_NODE, '--print', expression])).trimEnd(),
    async verify(token, audience) {
      const keys = createLocalJWKSet((await published('/.well-known/jwks.json')) as unknown as JSONWebKeySet)
      return (await jwtVerify(token, keys, { issuer: ISSUER, audience })).payload
    },
    published,
    async counted(component, metric, labels = '') {
      const pods = await get(NAMESPACE, 'pods', '--selector', `app.kubernetes.io/component=${component}`)
      const texts = pods['items'].map(({ metadata }: KubernetesObject) =>
        raw(`pods/${metadata.name}:9090/proxy/metrics`),
      )
      const lines = (await Promise.all<string>(texts)).flatMap((text) => text.split('\n'))
      const ours = lines.filter((line) => line.startsWith(`${metric}{`) && line.includes(labels))
      return ours.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
    },
    async upgrade(values = {}, release = thisTree()) {
      await cluster.loadImage(release.image)
      await helmUpgrade(cluster, release.chart, values)
    },
    async rollback(revision) {
      await cluster.helm(['rollback', RELEASE, String(revision), '--namespace', NAMESPACE, ...HELM_WAITS])
      await formerGone(cluster)
    },
    exchange: async (parameters) =>
      exchange(cluster, await get(NAMESPACE, 'configmap', `${RELEASE}-signer-ca`), parameters),
    stop: () => cluster.stop(),
  }
}

/** The node knows no Service by its name, so that curl is told the address; the certificate is verified all the same. */
async function exchange(cluster: Cluster, roots: KubernetesObject, parameters: Record<string, string>) {
  const service = ['get', 'service', `${RELEASE}-signer`, '--namespace', NAMESPACE]
  const address = await cluster.kubectl([...service, '--output=jsonpath={.spec.clusterIP}'])
  const host = `${RELEASE}-signer.${NAMESPACE}.svc`
  const ca = join(cluster.directory, 'signer-ca.crt')
  await writeFile(ca, roots['data']['ca.crt'])
  const options = ['--silent', '--show-error', '--cacert', ca, '--resolve', `${host}:443:${address}`, '--data', '@-']
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    requested_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    ...parameters,
  }
  const command = ['curl', ...options, '--write-out', '\n%{http_code}', `https://${host}/token`]
  const answer = await cluster.enter(command, { input: new URLSearchParams(form).toString() })
  const [body = '', status] = answer.split('\n')
  return { status: Number(status), body: JSON.parse(body) }
}

/** Comes back when the policies of that many are in force in every webhook and signer. */
export async function policiesInForce({ cluster }: Installation, count: number): Promise<void> {
  const raw = (pod: string) =>
    cluster.kubectl(['get', `--raw=/api/v1/namespaces/${NAMESPACE}/pods/${pod}:9090/proxy/metrics`])
  await until(`${count} policies in force`, async () => {
    const pods = await cluster.kubectl(['get', 'pods', '--namespace', NAMESPACE, '--output=name'])
    for (const pod of pods.trim().split('\n')) {
      const text = await raw(pod.replace('pod/', ''))
      const found = /^token_projector_(?:webhook|signer)_policies (\d+)$/m.exec(text)?.[1]
      if (Number(found) !== count) throw new Error(`${pod} has ${found} policies`)
    }
  })
}

declare module 'vitest' {
  interface ProvidedContext {
    /** An OCI archive of this tree's image. */
    image: string
  }
}

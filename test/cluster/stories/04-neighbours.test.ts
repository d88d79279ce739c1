/** Story 4: others who judge and change pods: limits and quotas, webhooks after ours, a mesh, and a network that is closed. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TOKENS_DIRECTORY, TOKENS_VOLUME } from '../../../src/contract.ts'
import { LATER, MIRROR } from '../../doubles/mutating-webhook/changes.ts'
import { PROBE_IMAGE } from '../image.ts'
import { NODE_ADDRESS } from '../layout.ts'
import { until } from '../wait.ts'
import { allowEgress, denyEgress, KNOCK_ADDRESS } from './egress.ts'
import {
  type Installation,
  type KubernetesObject,
  NAMESPACE,
  policiesInForce,
  startInstallation,
} from './installation.ts'
import { listening, type Outside, openOutside } from './outside.ts'
import { AUDIENCE, application, asking, namespace, pod, policy, TEAM, workload } from './workloads.ts'

/** Namespaces, each named by what befalls its pods. */
const CHANGED = ['add-container', 'rewrite-images', 'strip', 'strip-again', 'move'] as const
const NAMESPACES = [TEAM, 'limited', 'ratio', 'counted', ...CHANGED]

let installation: Installation
let outside: Outside

beforeAll(async () => {
  installation = await startInstallation()
  await installation.apply(NAMESPACES.map(namespace))
  await installation.apply([policy('all', [AUDIENCE], { from: { namespaces: NAMESPACES, serviceAccounts: ['*'] } })])
  await policiesInForce(installation, 1)
  outside = await openOutside(installation)
})
afterAll(() => installation?.stop())

const named = (name: string) => (container: unknown) => (container as { name: string }).name === name
/** Our container in a pod's specification. */
const ours = (spec: { initContainers: { name: string; image: string }[] }) =>
  spec.initContainers.find(named('token-projector'))
const podIn = (where: string, name: string, changes: Parameters<typeof pod>[1] = {}) =>
  pod(name, { ...changes, namespace: where })

/** @returns the pod as it is stored, once it is ready and its application has read a token of its own */
async function becomesReady(where: string, name: string): Promise<KubernetesObject> {
  await installation.ready(where, `pod/${name}`)
  const { sub } = await installation.verify(await installation.token(where, name), AUDIENCE)
  expect(sub).toBe(`acme:${where}:default`)
  return installation.get(where, 'pod', name)
}

const withResources = (resources: object) => ({ containers: [{ ...application, resources }] })
const ALL_FOUR = { requests: { cpu: '50m', memory: '32Mi' }, limits: { cpu: '100m', memory: '64Mi' } }

const limits = (where: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'LimitRange',
  metadata: { name: 'limits', namespace: where },
  spec: {
    limits: [
      {
        type: 'Container',
        default: { cpu: '200m', memory: '128Mi' },
        defaultRequest: { cpu: '100m', memory: '64Mi' },
        max: { cpu: '1', memory: '512Mi' },
        min: { cpu: '5m', memory: '16Mi' },
        ...more,
      },
    ],
  },
})

test('1. where a LimitRange has defaults, a minimum and a maximum, a pod that says nothing becomes ready', async () => {
  await installation.apply([limits('limited'), podIn('limited', 'plain')])
  const { spec } = await becomesReady('limited', 'plain')
  expect(ours(spec)).toMatchObject({
    resources: { requests: { cpu: '5m', memory: '32Mi' }, limits: { memory: '64Mi' } },
  })
})

test('2. where it has a ratio too, the refusal names it, and the annotation of the documentation helps', async () => {
  await installation.apply([limits('ratio', { maxLimitRequestRatio: { cpu: '4' } })])
  await expect(installation.apply([podIn('ratio', 'plain')])).rejects.toThrow('cpu max limit to request ratio')
  const annotations = asking({ audience: AUDIENCE, 'sidecar-cpu': '50m/100m' })
  await installation.apply([podIn('ratio', 'fitting', { annotations })])
  const { spec } = await becomesReady('ratio', 'fitting')
  expect(ours(spec)).toMatchObject({ resources: { requests: { cpu: '50m' }, limits: { cpu: '100m' } } })
})

test('3. a quota on requests and limits counts our container and lets a fitting Deployment in', async () => {
  const hard = { 'requests.cpu': '500m', 'requests.memory': '256Mi', 'limits.cpu': '500m', 'limits.memory': '256Mi' }
  const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'quota', namespace: 'counted' } }
  await installation.apply([{ ...quota, spec: { hard } }])
  const deployment = workload('Deployment', 'checkout', { spec: withResources(ALL_FOUR) })
  await installation.apply([{ ...deployment, metadata: { ...deployment.metadata, namespace: 'counted' } }])
  await installation.ready('counted', 'deployment/checkout')
  await until('the quota has counted', async () => {
    const { status } = await installation.get('counted', 'resourcequota', 'quota')
    expect(status.used).toMatchObject({ 'requests.cpu': '55m', 'limits.cpu': '200m', 'limits.memory': '128Mi' })
  })
})

test('4. a Guaranteed pod stays one', async () => {
  const resources = { requests: ALL_FOUR.limits, limits: ALL_FOUR.limits }
  await installation.apply([podIn(TEAM, 'guaranteed', { spec: withResources(resources) })])
  const { status } = await becomesReady(TEAM, 'guaranteed')
  expect(status.qosClass).toBe('Guaranteed')
})

/** Called after ours, which the order of their names decides. */
async function startNeighbours(): Promise<void> {
  const started = outside.start('mutating-webhook/main.ts', {
    WEBHOOK: JSON.stringify({ host: NODE_ADDRESS, tls: await outside.certify('webhook', []), image: PROBE_IMAGE }),
  })
  const { url } = await started.firstLine(listening)
  const webhooks = CHANGED.map((name) => ({
    name: `${name}.neighbour.test`,
    admissionReviewVersions: ['v1'],
    clientConfig: { url: `${url}/${name.replace('-again', '')}`, caBundle: Buffer.from(outside.ca).toString('base64') },
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
    reinvocationPolicy: name === 'strip-again' ? 'IfNeeded' : 'Never',
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
    sideEffects: 'None',
  }))
  const kind = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration' }
  await installation.apply([{ ...kind, metadata: { name: 'zz-neighbours' }, webhooks }])
  await until('the neighbours are called', async () => {
    const probe = podIn('add-container', 'nobody', { annotations: {} })
    const shown = await installation.apply([probe], '--dry-run=server', '--output=json')
    expect(shown).toContain(`"${LATER}"`)
  })
}

test('5. a container that another webhook adds after us gets its token too, and nothing is doubled', async () => {
  await startNeighbours()
  await installation.apply([podIn('add-container', 'joined')])
  const { spec } = await becomesReady('add-container', 'joined')
  const mount = { name: TOKENS_VOLUME, mountPath: TOKENS_DIRECTORY, readOnly: true }
  for (const container of spec.containers) {
    expect(container.volumeMounts.filter(named(TOKENS_VOLUME))).toEqual([expect.objectContaining(mount)])
  }
  expect(spec.containers.map(({ name }: { name: string }) => name)).toEqual(['app', LATER])
  expect(spec.containers[0].env).toContainEqual({ name: 'ADDED', value: 'later' })
  expect(spec.initContainers).toHaveLength(1)
  expect(spec.volumes.filter(named(TOKENS_VOLUME))).toHaveLength(1)
})

test('6. where another webhook leads every image to a mirror, ours is fetched there as well', async () => {
  const { spec: plain } = JSON.parse(await installation.apply([podIn(TEAM, 'x')], '--dry-run=server', '--output=json'))
  for (const image of [PROBE_IMAGE, ours(plain)?.image ?? '']) await mirror(image)
  await installation.apply([podIn('rewrite-images', 'mirrored')])
  const { spec } = await becomesReady('rewrite-images', 'mirrored')
  const images = [...spec.initContainers, ...spec.containers].map(({ image }: { image: string }) => image)
  expect(images).toEqual([`${MIRROR}${ours(plain)?.image}`, `${MIRROR}${PROBE_IMAGE}`])
})

/** The node has the image under its mirror's name too. */
async function mirror(image: string): Promise<void> {
  const reference = image.includes('/') ? image : `docker.io/library/${image}`
  await installation.cluster.tagImage(reference, `${MIRROR}${image}`)
}

test('7. restartPolicy that a webhook drops from our container is put back', async () => {
  await installation.apply([podIn('strip', 'stripped')])
  expect(ours((await becomesReady('strip', 'stripped'))['spec'])).toMatchObject({ restartPolicy: 'Always' })
})

test('8. where it is dropped every time, the pod is refused instead of waiting for ever', async () => {
  const applied = installation.apply([podIn('strip-again', 'stripped')])
  await expect(applied).rejects.toThrow(/without restartPolicy=Always|lost its restartPolicy Always/)
})

test('9. our container is first again where another webhook moved it', async () => {
  const initContainers = [
    { ...application, name: 'first', args: ['get', `http://${KNOCK_ADDRESS}`], restartPolicy: 'Always' },
  ]
  await installation.apply([podIn('move', 'moved', { spec: { initContainers, containers: [application] } })])
  const { spec } = await installation.get('move', 'pod', 'moved')
  expect(spec.initContainers.map(({ name }: { name: string }) => name)).toEqual(['token-projector', 'first'])
})

/** What kubectl shows of a pod when somebody asks why it does not start. */
const described = (name: string) => installation.cluster.kubectl(['describe', 'pod', name, '--namespace', TEAM])
const closed = { annotations: asking({ audience: AUDIENCE, 'start-deadline-seconds': '15' }) }

test('10. where egress is denied, kubectl describe pod names the network, and the pod starts once it is allowed', async () => {
  const { items } = await installation.get(NAMESPACE, 'pods')
  await denyEgress(
    installation.cluster,
    items.map(({ status }: KubernetesObject) => status.podIP),
  )
  await installation.apply([podIn(TEAM, 'closed', closed)])
  await until('the message names the network', async () =>
    expect(await described('closed')).toMatch(/token-projector-signer.*check network policies/),
  )
  await allowEgress(installation.cluster)
  await becomesReady(TEAM, 'closed')
})

/** A pod whose network opens when its proxy runs, as with a mesh that redirects before any container starts. */
const meshed = (proxy: string) => ({
  ...closed,
  spec: {
    initContainers: [{ name: proxy, image: PROBE_IMAGE, restartPolicy: 'Always', args: ['knock', KNOCK_ADDRESS] }],
    containers: [application],
  },
})

test('11. behind a mesh proxy that is a native sidecar the pod becomes ready: ours starts directly after it', async () => {
  const { items } = await installation.get(NAMESPACE, 'pods')
  await denyEgress(
    installation.cluster,
    items.map(({ status }: KubernetesObject) => status.podIP),
  )
  await installation.apply([podIn(TEAM, 'meshed', meshed('istio-proxy')), podIn(TEAM, 'unknown', meshed('a-proxy'))])
  const { spec } = await becomesReady(TEAM, 'meshed')
  expect(spec.initContainers.map(({ name }: { name: string }) => name)).toEqual(['istio-proxy', 'token-projector'])
  // Before a proxy that nobody knows, ours has no network: that the network was closed is no mistake of this test.
  await until('the other one names the network', async () =>
    expect(await described('unknown')).toMatch(/check network policies/),
  )
})

/** Story 6: what operators do meanwhile: certificates are lost, replicas are rolled and scaled, and every pod gets its token. */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../wait.ts'
import {
  type Installation,
  type KubernetesObject,
  NAMESPACE,
  policiesInForce,
  RELEASE,
  startInstallation,
} from './installation.ts'
import { AUDIENCE, namespace, pod, policy, TEAM } from './workloads.ts'

const PODS = 300
const BATCH = 10
const BATCH_EVERY_MS = 1_600
/** What befalls both while pods are created, one change every few seconds; a rollout may not be over when the next begins. */
const CHANGES = [
  ['rollout', 'restart'],
  ['scale', '--replicas=3'],
  ['rollout', 'restart'],
  ['scale', '--replicas=2'],
  ['rollout', 'restart'],
]
const BATCHES_A_CHANGE = PODS / BATCH / CHANGES.length
const SECRETS = [`${RELEASE}-webhook-tls`, `${RELEASE}-signer-tls`]
const DEPLOYMENTS = [`deployment/${RELEASE}-webhook`, `deployment/${RELEASE}-signer`]

let installation: Installation
beforeAll(async () => {
  installation = await startInstallation()
  await installation.apply([namespace(TEAM), policy('ledger', [AUDIENCE])])
  await policiesInForce(installation, 1)
})
afterAll(() => installation?.stop())

const inRelease = (...command: string[]) => installation.cluster.kubectl([...command, '--namespace', NAMESPACE])
/** Of a Secret's content, which a failing test would print. */
const digestOf = async (secret: string) => {
  const { data } = await installation.get(NAMESPACE, 'secret', secret)
  return createHash('sha256').update(JSON.stringify(data)).digest('hex')
}
const idOf = async (name: string) => decodeJwt(await installation.token(TEAM, name)).jti

/** As a rollout or a Job with many completions makes them: nobody tries again when one is refused. */
function create(names: readonly string[]): Promise<string> {
  const items = names.map((name) => pod(name))
  return installation.cluster.kubectl(['create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
}

/** Digests of the Secrets by their names. */
let certificates: Record<string, string>

test('1. with the Secrets of their CAs deleted, webhook and signer serve on', async () => {
  certificates = Object.fromEntries(await Promise.all(SECRETS.map(async (name) => [name, await digestOf(name)])))
  await inRelease('delete', 'secret', ...SECRETS)
  await create(['without-secrets'])
  await installation.ready(TEAM, 'pod/without-secrets')
})

test('2. a replica that starts then says what to do, and those that run are left', async () => {
  const [webhook = ''] = DEPLOYMENTS
  await inRelease('rollout', 'restart', webhook)
  const newest = await until('a replica that is not ready', async () => {
    const pods = await installation.get(NAMESPACE, 'pods', '--selector', 'app.kubernetes.io/component=webhook')
    const found = pods['items'].find(
      ({ status }: KubernetesObject) => status.containerStatuses?.[0]?.started === true && !isReady(status),
    )
    if (found === undefined) throw new Error('there is none')
    return found.metadata.name
  })
  await until('its log says what to do', async () =>
    expect(await inRelease('logs', newest)).toContain(
      'does not exist; install the chart again, which creates it empty',
    ),
  )
  await create(['while-one-waits'])
  await installation.ready(TEAM, 'pod/while-one-waits')
})

const isReady = ({ conditions }: { conditions: { type: string; status: string }[] }) =>
  conditions.some(({ type, status }) => type === 'Ready' && status === 'True')

test('3. the chart makes the Secrets anew, empty, and the same CAs are put back: running sidecars trust on', async () => {
  const roots = async () => (await installation.get(NAMESPACE, 'configmap', `${RELEASE}-signer-ca`))['data']
  const before = await roots()
  await installation.upgrade()
  for (const name of SECRETS) {
    await until(`${name} is as it was`, async () => expect(await digestOf(name)).toEqual(certificates[name]))
  }
  expect(await roots()).toEqual(before)
  const former = await idOf('without-secrets')
  await installation.inSidecar(TEAM, 'without-secrets', "process.kill(1, 'SIGHUP')")
  await until('an older sidecar renews', async () => expect(await idOf('without-secrets')).not.toBe(former))
})

test(`4. webhook and signer are rolled and scaled while ${PODS} pods are created: each is injected and gets ready`, async () => {
  const names = Array.from({ length: PODS }, (_, index) => `load-${String(index).padStart(3, '0')}`)
  const startedAt = performance.now()
  const elapsed = () => (performance.now() - startedAt) / 1000
  for (let batch = 0; batch < PODS / BATCH; batch++) {
    if (batch % BATCHES_A_CHANGE === 0) await inRelease(...(CHANGES[batch / BATCHES_A_CHANGE] ?? []), ...DEPLOYMENTS)
    await create(names.slice(batch * BATCH, (batch + 1) * BATCH))
    await sleep(Math.max(0, (batch + 1) * BATCH_EVERY_MS - elapsed() * 1000))
  }
  process.stderr.write(`${PODS} pods in ${elapsed().toFixed(1)} s: ${(PODS / elapsed()).toFixed(1)} a second\n`)
  await until('every pod is ready', everyPodReady, { timeoutMs: 600_000, everyMs: 2_000 })
  process.stderr.write(`every pod was ready after ${elapsed().toFixed(1)} s\n`)
  const { items } = await installation.get(TEAM, 'pods', '--selector', `app in (${names.join(',')})`)
  expect(items).toHaveLength(PODS)
  for (const { spec, metadata } of items) {
    expect(metadata.annotations['token-projector.dev/status']).toMatch(/^injected /)
    expect(spec.initContainers).toMatchObject([{ name: 'token-projector', restartPolicy: 'Always' }])
  }
  for (const deployment of DEPLOYMENTS) await inRelease('rollout', 'status', deployment, '--timeout=90s')
}, 900_000)

async function everyPodReady(): Promise<void> {
  const { items } = await installation.get(TEAM, 'pods')
  const waiting = items.filter(({ status }: KubernetesObject) => !isReady({ conditions: [], ...status }))
  if (waiting.length > 0) throw new Error(`${waiting.length} of ${items.length} pods are not ready`)
}

/** The webhook in a cluster: it waits for what it needs, says for what, and serves once everything is there. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createAuthority } from '../../src/certificate/issue.ts'
import {
  AUDIENCE_POLICIES,
  configMaps,
  MUTATING_WEBHOOK_CONFIGURATIONS,
  objectPath,
  secrets,
} from '../../src/kubernetes/object.ts'
import { ADMISSION_PATH, startWebhook, type Webhook } from '../../src/webhook/app.ts'
import { parseWebhookConfig } from '../../src/webhook/config.ts'
import { startCluster, type TestCluster } from '../kubernetes/server.ts'
import { podWith } from './context.ts'
import { eventually, get, post } from './http.ts'
import { reviewOf } from './reviews.ts'

const SECRET = objectPath(secrets('identity'), 'webhook-tls')
const SIGNER_CA = objectPath(configMaps('identity'), 'signer-ca')
const CONFIGURATION = objectPath(MUTATING_WEBHOOK_CONFIGURATIONS, 'token-projector')
const POD = podWith({ audience: 'vault.example' })
const signerCa = await createAuthority('signer', new Date())

const VARIABLES = {
  WEBHOOK_LISTEN: '127.0.0.1:0',
  OPS_LISTEN: '127.0.0.1:0',
  NAMESPACE: 'identity',
  TLS_SECRET: 'webhook-tls',
  TLS_NAMES: 'webhook.identity.svc',
  WEBHOOK_CONFIGURATION: 'token-projector',
  SIGNER_CA_CONFIGMAP: 'signer-ca',
  SIDECAR_IMAGE: 'registry.example/token-projector:0.1.0',
  SIGNER_URL: 'https://signer.example',
  IDENTITY_AUDIENCE: 'https://issuer.example/token',
  DRAIN_SECONDS: '0',
}

/** As the chart leaves it: everything empty, no policy. */
function install({ server }: TestCluster): void {
  server.put(SECRET, {})
  server.put(SIGNER_CA, {})
  server.put(CONFIGURATION, { webhooks: [webhook('pods', { timeoutSeconds: 5 }), webhook('more', {})] })
}

function webhook(name: string, members: object) {
  return { name, clientConfig: { service: { name: 'webhook', path: ADMISSION_PATH } }, ...members }
}

async function start({ kubeconfig, log }: TestCluster): Promise<Webhook> {
  const all = { ...VARIABLES, KUBECONFIG: kubeconfig }
  const env = Object.fromEntries(Object.entries(all).map(([key, value]) => [`TOKEN_PROJECTOR_${key}`, value]))
  const deps = { log, now: Date.now, random: () => 0, monotonicMs: () => performance.now() }
  const started = await startWebhook(parseWebhookConfig(env), deps)
  onTestFinished(() => started.stop())
  return started
}

function bundlesIn({ server }: TestCluster): string[] {
  const webhooks = (server.read(CONFIGURATION)?.['webhooks'] ?? []) as { clientConfig: { caBundle?: string } }[]
  return webhooks.map(({ clientConfig }) => Buffer.from(clientConfig.caBundle ?? '', 'base64').toString('utf8'))
}

/** As the API server asks, which knows the webhook by its Service's name. */
const review = ({ ports }: Webhook, bundle: string) =>
  post(ports.admission, ADMISSION_PATH, reviewOf(POD), bundle, 'webhook.identity.svc')
const allow = (changes: object = {}) => ({
  spec: {
    effect: 'Allow',
    from: { namespaces: ['*'], serviceAccounts: ['*'] },
    to: { audiences: ['*'] },
    ...changes,
  },
})
const readiness = async ({ ports }: Webhook) => (await get(ports.ops, '/readyz')).body

test('it starts before anything is there, says for what it waits, and then injects', async () => {
  const cluster = await startCluster()
  cluster.server.intercept(({ path }) =>
    path === AUDIENCE_POLICIES && !hasCrd ? { status: 404, body: { message: 'no such resource' } } : undefined,
  )
  let hasCrd = false
  const service = await start(cluster)
  expect((await get(service.ports.ops, '/livez')).status).toBe(200)
  await eventually(async () => /secrets\/webhook-tls .* does not exist/.test(await readiness(service)))
  await eventually(async () => /configmaps\/signer-ca .* does not exist/.test(await readiness(service)))
  await eventually(async () => /audiencepolicies cannot be read: .*404/.test(await readiness(service)))
  expect((await get(service.ports.ops, '/metrics')).body).toContain('certificate_expiry_timestamp_seconds Nan')

  install(cluster)
  hasCrd = true
  await eventually(async () => /^configmaps\/signer-ca .* holds no CA of the signer/.test(await readiness(service)))
  cluster.server.put(objectPath(AUDIENCE_POLICIES, 'all'), allow())
  cluster.server.put(SIGNER_CA, { data: { 'ca.crt': signerCa.certificate + signerCa.privateKey } })
  await eventually(async () => (await readiness(service)) === 'ok\n')

  const [bundle = '', other] = bundlesIn(cluster)
  expect(other).toBe(bundle)
  expect(cluster.server.read(CONFIGURATION)).toMatchObject({ webhooks: [{ timeoutSeconds: 5 }, {}] })
  const { body } = await review(service, bundle)
  const { response } = JSON.parse(body)
  const patch = Buffer.from(response.patch, 'base64').toString('utf8')
  expect(response.allowed).toBe(true)
  expect(patch).toContain(JSON.stringify(JSON.stringify(signerCa.certificate)).slice(3, -3))
  expect(patch).not.toContain('PRIVATE KEY')
})

test('a review that comes before the policies is a fault and neither an admission nor a refusal', async () => {
  const cluster = await startCluster()
  install(cluster)
  const service = await start(cluster)
  await eventually(async () => (await readiness(service)).startsWith('configmaps/signer-ca'))
  await eventually(async () => bundlesIn(cluster)[0] !== '')
  const answer = await review(service, bundlesIn(cluster)[0] ?? '')
  expect(answer.status).toBe(500)
  expect((await get(service.ports.ops, '/metrics')).body).toContain(
    'token_projector_webhook_reviews_total{outcome="failed",reason="not-ready"} 1',
  )
})

test('a caBundle that a GitOps tool wipes is back, in every webhook, even when everything else was emptied too', async () => {
  const cluster = await startCluster()
  install(cluster)
  cluster.server.put(SIGNER_CA, { data: { 'ca.crt': signerCa.certificate } })
  cluster.server.put(objectPath(AUDIENCE_POLICIES, 'all'), allow())
  const replicas = [await start(cluster), await start(cluster)]
  for (const service of replicas) await eventually(async () => (await readiness(service)) === 'ok\n')
  const [bundle = ''] = bundlesIn(cluster)
  install(cluster)
  await eventually(async () => bundlesIn(cluster).every((one) => one === bundle))
  for (const service of replicas) expect((await review(service, bundle)).status).toBe(200)
})

test('a policy of the cluster counts as soon as it is changed, and its last valid form while it is broken', async () => {
  const cluster = await startCluster()
  install(cluster)
  cluster.server.put(SIGNER_CA, { data: { 'ca.crt': signerCa.certificate } })
  const service = await start(cluster)
  await eventually(async () => (await readiness(service)) === 'ok\n')
  const [bundle = ''] = bundlesIn(cluster)
  const isAllowed = async () => JSON.parse((await review(service, bundle)).body).response.allowed
  const policy = objectPath(AUDIENCE_POLICIES, 'all')
  expect(await isAllowed()).toBe(false)
  cluster.server.put(policy, allow())
  await eventually(isAllowed)
  cluster.server.put(policy, allow({ effect: 'Maybe' }))
  await eventually(async () => (await get(service.ports.ops, '/metrics')).body.includes('policy_problems 1'))
  expect(await isAllowed()).toBe(true)
  cluster.server.put(policy, allow({ effect: 'Deny' }))
  await eventually(async () => !(await isAllowed()))
})

test('outside a cluster it says at once what to set', async () => {
  const cluster = await startCluster()
  const kubeconfig = join(cluster.kubeconfig, '..', 'empty')
  await writeFile(kubeconfig, '{}')
  await expect(start({ ...cluster, kubeconfig })).rejects.toMatchObject({ exitCode: 78 })
})

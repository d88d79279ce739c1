/** The admission service as the API server meets it: routes, faults, certificates, and the way it stops. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createAuthority, issueLeaf, type KeyedCertificate } from '../../src/certificate/issue.ts'
import { createLog } from '../../src/log.ts'
import { buildListener } from '../../src/service.ts'
import { ADMISSION_PATH, admissionRoutes, BODY_LIMIT_BYTES, startWebhook, type Webhook } from '../../src/webhook/app.ts'
import { parseWebhookConfig } from '../../src/webhook/config.ts'
import type { InjectionContext } from '../../src/webhook/context.ts'
import type { JsonObject } from '../../src/webhook/json.ts'
import { CONTEXT, podWith } from './context.ts'
import { eventually, get, post } from './http.ts'
import { reviewOf } from './reviews.ts'

const CLOCKS = { now: Date.now, random: () => 0, monotonicMs: () => performance.now() }
const CANARY = 'canary-in-the-pod'
const POD = podWith({ audience: 'vault.example' }, { inventedSecret: CANARY })

/** The routes without a port; `lines` holds what was logged, `counts` what was counted. */
function listener(context: () => InjectionContext = () => CONTEXT, isStopping = () => false) {
  const lines: string[] = []
  const counts: [string, string][] = []
  const log = createLog('info', 'webhook', (line) => lines.push(line))
  const metrics = { countReview: (outcome: string, reason: string) => void counts.push([outcome, reason]) }
  const routes = { bodyLimit: BODY_LIMIT_BYTES, routes: admission }
  function admission(app: Parameters<typeof admissionRoutes>[0]): void {
    admissionRoutes(app, context, metrics, { log, monotonicMs: () => 0 })
  }
  const app = buildListener(routes, log, isStopping)
  return { app, lines, counts, send: (payload: object) => app.inject({ method: 'POST', url: ADMISSION_PATH, payload }) }
}

test('a review is answered, counted, and logged in one line without its content', async () => {
  const { send, lines, counts } = listener()
  const response = await send(reviewOf(POD))
  expect(response.statusCode).toBe(200)
  expect(response.json()).toMatchObject({ response: { uid: 'review-1', allowed: true, patchType: 'JSONPatch' } })
  expect(counts).toEqual([['injected', 'requested']])
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { uid: 'review-1', namespace: 'payments', pod: 'checkout', outcome: 'injected', reason: 'requested' },
  ])
  expect(lines.join('')).not.toContain(CANARY)
})

test('a refusal is an answer, not an HTTP error', async () => {
  const { send, counts } = listener()
  const response = await send(reviewOf(podWith({ 'aws-role-arm': 'x' })))
  expect(response.statusCode).toBe(200)
  expect(response.json()).toMatchObject({ response: { allowed: false } })
  expect(counts).toEqual([['refused', 'unknown-annotation']])
})

test('what is no review is 400 with the place in plain text', async () => {
  const { send, counts } = listener()
  const response = await send({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' })
  expect([response.statusCode, response.body]).toEqual([400, 'request must be an object\n'])
  expect(response.headers['content-type']).toMatch(/^text\/plain/)
  expect(counts).toEqual([['failed', 'input-malformed']])
})

test('our own fault is 500 without detail, never a denial', async () => {
  const { send, lines, counts } = listener(() => {
    throw new Error(`a bug beside ${CANARY}`)
  })
  const response = await send(reviewOf(POD))
  expect(response.statusCode).toBe(500)
  expect(response.body).toBe('the webhook could not do its work; its log says why\n')
  expect(counts).toEqual([['failed', 'internal']])
  expect(lines.join('')).toContain('a bug beside')
})

test.each([
  ['broken JSON', { payload: '{"a":', headers: { 'content-type': 'application/json' } }, 400],
  ['another type', { payload: 'a: b', headers: { 'content-type': 'application/yaml' } }, 415],
  ['no body', { headers: { 'content-type': 'application/json' } }, 400],
])('%s is refused by HTTP status', async (_name, request, status) => {
  const { app } = listener()
  const response = await app.inject({ method: 'POST', url: ADMISSION_PATH, ...request })
  expect(response.statusCode).toBe(status)
})

test('a body of more than 3 MiB is taken, one over the limit is not', async () => {
  const { send } = listener()
  const big = podWith({ audience: 'vault.example' }, { invented: 'x'.repeat(5 * 1024 * 1024) })
  expect((await send(reviewOf(big))).statusCode).toBe(200)
  const bigger = podWith({}, { invented: 'x'.repeat(BODY_LIMIT_BYTES) })
  expect((await send(reviewOf(bigger))).statusCode).toBe(413)
})

test('a stopping listener still admits, and asks to close the connection', async () => {
  const { send } = listener(
    () => CONTEXT,
    () => true,
  )
  const response = await send(reviewOf(POD))
  expect([response.statusCode, response.headers['connection']]).toEqual([200, 'close'])
})

// What follows listens on loopback with a certificate of its own.

const POLICY = `apiVersion: token-projector.dev/v1alpha1
kind: AudiencePolicy
metadata: {name: everything}
spec: {effect: Allow, from: {namespaces: ["*"], serviceAccounts: ["*"]}, to: {audiences: ["*"]}}
`

let folder: string
let authority: KeyedCertificate
let webhook: Webhook | undefined

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'webhook-'))
  authority = await createAuthority('test', new Date())
  await writeFile(join(folder, 'signer-ca.crt'), authority.certificate)
  await writeFile(join(folder, 'policy.yaml'), POLICY)
  await renewCertificate()
})

afterEach(async () => {
  await webhook?.stop()
  webhook = undefined
  await rm(folder, { recursive: true, force: true })
})

async function renewCertificate(): Promise<void> {
  const leaf = await issueLeaf(authority, { ip: ['127.0.0.1'] }, new Date())
  await writeFile(join(folder, 'tls.key'), leaf.privateKey)
  await writeFile(join(folder, 'tls.crt'), leaf.certificate)
}

function environment(changes: Record<string, string> = {}): Record<string, string> {
  const variables = {
    WEBHOOK_LISTEN: '127.0.0.1:0',
    OPS_LISTEN: '127.0.0.1:0',
    TLS_DIRECTORY: folder,
    SIDECAR_IMAGE: 'registry.example/token-projector:0.1.0',
    SIGNER_URL: 'https://signer.example',
    SIGNER_CA_FILE: join(folder, 'signer-ca.crt'),
    IDENTITY_AUDIENCE: 'https://issuer.example/token',
    POLICY_FILE: join(folder, 'policy.yaml'),
    DRAIN_SECONDS: '0',
    ...changes,
  }
  return Object.fromEntries(Object.entries(variables).map(([key, value]) => [`TOKEN_PROJECTOR_${key}`, value]))
}

async function start(changes: Record<string, string> = {}): Promise<Webhook> {
  const log = createLog('error', 'webhook', () => undefined)
  webhook = await startWebhook(parseWebhookConfig(environment(changes)), { ...CLOCKS, log })
  return webhook
}

const send = (port: number, pod: JsonObject) => post(port, ADMISSION_PATH, reviewOf(pod), authority.certificate)

test('over TLS it admits, is ready, and counts', async () => {
  const { ports } = await start()
  const answer = await send(ports.admission, POD)
  expect([answer.status, answer.headers['connection']]).toEqual([200, 'keep-alive'])
  expect(JSON.parse(answer.body)).toMatchObject({ response: { allowed: true, patchType: 'JSONPatch' } })
  expect(await get(ports.ops, '/readyz')).toMatchObject({ status: 200 })
  const { body } = await get(ports.ops, '/metrics')
  expect(body).toContain('token_projector_webhook_reviews_total{outcome="injected",reason="requested"} 1')
  expect(body).toContain('token_projector_webhook_review_duration_seconds_bucket{le="0.001"}')
  expect(body).toContain('token_projector_webhook_policies 1')
  expect(body).toContain('token_projector_webhook_policy_problems 0')
  expect(body).toMatch(/token_projector_webhook_certificate_expiry_timestamp_seconds \d{10}\n/)
})

test('a renewed certificate is served without a restart', async () => {
  const { ports } = await start()
  const before = await send(ports.admission, POD)
  await renewCertificate()
  await eventually(async () => {
    const after = await send(ports.admission, POD)
    return after.status === 200 && after.serialNumber !== before.serialNumber
  })
})

test('a new policy holds without a restart, and a broken one leaves the old in force', async () => {
  const { ports } = await start()
  await writeFile(join(folder, 'policy.yaml'), POLICY.replace('Allow', 'Deny'))
  const denied = async () => JSON.parse((await send(ports.admission, POD)).body).response.allowed === false
  await eventually(denied)
  await writeFile(join(folder, 'policy.yaml'), 'spec: [')
  await eventually(async () => /policy_problems [1-9]/.test((await get(ports.ops, '/metrics')).body))
  expect(await denied()).toBe(true)
})

test("the signer's new CA goes into the next pod, and an unusable one does not", async () => {
  const { ports } = await start()
  const bundle = async () => configurationIn(JSON.parse((await send(ports.admission, POD)).body)).signer.caBundle
  expect(await bundle()).toBe(authority.certificate)
  const next = await createAuthority('next', new Date())
  // A key beside the certificate must not travel.
  await writeFile(join(folder, 'signer-ca.crt'), `${next.privateKey}${authority.certificate}${next.certificate}`)
  await eventually(async () => (await bundle()) === `${authority.certificate}${next.certificate}`)
  await writeFile(join(folder, 'signer-ca.crt'), 'nothing')
  await writeFile(join(folder, 'policy.yaml'), '# nothing')
  await eventually(async () => /webhook_policies 0/.test((await get(ports.ops, '/metrics')).body))
  await writeFile(join(folder, 'policy.yaml'), POLICY)
  await eventually(async () => /webhook_policies 1/.test((await get(ports.ops, '/metrics')).body))
  expect(await bundle()).toBe(`${authority.certificate}${next.certificate}`)
})

/** The sidecar's configuration in a review's patch. */
function configurationIn(review: { response: { patch: string } }) {
  const patch = JSON.parse(Buffer.from(review.response.patch, 'base64').toString('utf8')) as {
    path: string
    value: { env: { value: string }[] }[]
  }[]
  const own = patch.find(({ path }) => path === '/spec/initContainers')
  return JSON.parse(own?.value[0]?.env[0]?.value ?? '{}')
}

test('while it stops it is unready and still admits, and then it is gone', async () => {
  const { ports, stop } = await start({ DRAIN_SECONDS: '1' })
  const stopped = stop()
  expect(await get(ports.ops, '/readyz')).toMatchObject({ status: 503, body: 'stopping\n' })
  const answer = await send(ports.admission, POD)
  expect([answer.status, answer.headers['connection']]).toEqual([200, 'close'])
  await Promise.all([stopped, stop()])
  await expect(send(ports.admission, POD)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await expect(get(ports.ops, '/readyz')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('everything that is wrong with its files is said at once', async () => {
  await writeFile(join(folder, 'tls.crt'), 'nothing')
  await writeFile(join(folder, 'signer-ca.crt'), 'nothing')
  await writeFile(join(folder, 'policy.yaml'), 'kind: Nothing')
  await expect(start()).rejects.toMatchObject({
    reason: 'configuration-invalid',
    message: expect.stringMatching(/TLS_DIRECTORY.*SIGNER_CA_FILE.*POLICY_FILE/s),
  })
})

test('a port that is taken is a matter of configuration', async () => {
  const { ports } = await start()
  const taken = startWebhook(parseWebhookConfig(environment({ OPS_LISTEN: `127.0.0.1:${ports.ops}` })), {
    log: createLog('error', 'webhook', () => undefined),
    ...CLOCKS,
  })
  await expect(taken).rejects.toMatchObject({
    reason: 'configuration-invalid',
    message: expect.stringContaining('EADDRINUSE'),
  })
})

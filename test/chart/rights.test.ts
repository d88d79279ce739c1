/** The processes do their work with exactly the rights and variables that the chart gives them. */
import { writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ExchangeRequest, exchangeRequest } from '../../src/keeper/request.ts'
import { until } from '../cluster/wait.ts'
import { type Child, parseLine, startChild } from '../demo/child.ts'
import { type ApiServer, startApiServer } from './api-server.ts'
import { CHART, helm, type Manifest, NAMESPACE, RELEASE, REQUIRED } from './helm.ts'

const cleanup = new AsyncDisposableStack()
let server: ApiServer
let exchangePort: number

beforeAll(async () => {
  server = await startApiServer()
  cleanup.defer(() => server.stop())
  const args = ['install', RELEASE, CHART, '--namespace', NAMESPACE, '--create-namespace', '--values', '-']
  await helm(args, { input: JSON.stringify(REQUIRED), kubeconfig: server.kubeconfig })
})
afterAll(() => cleanup.disposeAsync())

const inNamespace = (...args: string[]) => server.get(['--namespace', NAMESPACE, ...args]) as Promise<Manifest>

/** Starts a process as its Deployment says, but for its addresses and for how it reaches the API server. */
async function start(process: 'webhook' | 'signer'): Promise<Child> {
  const deployment = await inNamespace('deployment', `${RELEASE}-${process}`)
  const [container] = deployment['spec'].template.spec.containers
  const env: Record<string, string> = {}
  for (const { name, value } of container.env as Manifest[]) {
    env[name] = name.endsWith('_LISTEN') ? '127.0.0.1:0' : (value ?? NAMESPACE)
  }
  env['TOKEN_PROJECTOR_DRAIN_SECONDS'] = '0'
  env['TOKEN_PROJECTOR_KUBECONFIG'] = await kubeconfigOf(deployment['spec'].template.spec.serviceAccountName)
  if (process === 'signer') env['TOKEN_PROJECTOR_SIGNER_CONFIG'] = await writeConfiguration()
  const main = new URL(`../../src/${process}/main.ts`, import.meta.url).pathname
  const child = startChild([globalThis.process.execPath, main], env)
  cleanup.defer(() => child.stop())
  return child
}

async function kubeconfigOf(serviceAccount: string): Promise<string> {
  const token = await server.kubectl(['create', 'token', serviceAccount, '--namespace', NAMESPACE])
  const config = await server.kubectl(['config', 'view', '--raw', '--output', 'json'])
  const path = join(server.directory, `${serviceAccount}.kubeconfig`)
  const user = { name: 'admin', user: { token: token.trim() } }
  await writeFile(path, JSON.stringify({ ...JSON.parse(config), users: [user] }), { mode: 0o600 })
  return path
}

async function writeConfiguration(): Promise<string> {
  const { data } = await inNamespace('configmap', `${RELEASE}-signer`)
  const path = join(server.directory, 'signer.yaml')
  await writeFile(path, data['signer.yaml'])
  return path
}

/** By the listener's name, once it listens. */
const portsOf = (child: Child) =>
  child.firstLine((line) => {
    const entry = parseLine(line)
    return entry?.['msg'] === 'serving' ? (entry['ports'] as Record<string, number>) : undefined
  })

async function becomesReady(child: Child): Promise<void> {
  const { ops } = await portsOf(child)
  await until('the process is ready', async () => {
    const answer = await fetch(`http://127.0.0.1:${ops}/readyz`)
    const text = await answer.text()
    if (!answer.ok) throw new Error(text)
  })
}

test('signer and webhook become ready, fill what the chart made empty, and are forbidden nothing', async () => {
  const policy = {
    apiVersion: 'token-projector.dev/v1alpha1',
    kind: 'AudiencePolicy',
    metadata: { name: 'hello' },
    spec: {
      effect: 'Allow',
      from: { namespaces: ['default'], serviceAccounts: ['default'] },
      to: { audiences: ['hello.example.com'] },
    },
  }
  await until('policies are served', () => server.kubectl(['apply', '-f', '-'], JSON.stringify(policy)))
  const [signer, webhook] = await Promise.all([start('signer'), start('webhook')])
  const children = [signer, webhook]
  await Promise.all(children.map(becomesReady))
  exchangePort = (await portsOf(signer))['exchange'] ?? 0

  const roots = (await inNamespace('configmap', `${RELEASE}-signer-ca`))['data']['ca.crt']
  expect(roots).toMatch(/^-----BEGIN CERTIFICATE-----/)
  for (const process of ['webhook', 'signer']) {
    const { data } = await inNamespace('secret', `${RELEASE}-${process}-tls`)
    expect(Object.keys(data).sort()).toEqual(['ca.crt', 'ca.key', 'tls.crt', 'tls.key'])
  }
  expect(Object.keys((await inNamespace('secret', `${RELEASE}-signer-keys`))['data'])).toEqual(['keys.json'])
  const record = (await inNamespace('configmap', `${RELEASE}-signer-keys-public`))['data']
  expect(Object.keys(record)).toEqual(['jwks.json'])
  const configuration = (await server.get([
    'mutatingwebhookconfiguration',
    `${RELEASE}-webhook.${NAMESPACE}`,
  ])) as Manifest
  expect(configuration['webhooks'][0].clientConfig.caBundle).toBeTypeOf('string')
  await until('the policy says that it is in force', async () => {
    const stored = (await server.get(['audiencepolicy', 'hello'])) as Manifest
    expect(stored['status']?.conditions).toMatchObject([{ type: 'Ready', status: 'True' }])
  })
  for (const child of children) expect(child.output()).not.toMatch(/forbidden/i)
})

const IDENTITY_AUDIENCE = 'https://issuer.token-projector.test/token'

/** A pod that says that it runs, and its identity token, as the kubelet would ask for it. */
async function identityToken(): Promise<string> {
  const sources = [{ serviceAccountToken: { audience: IDENTITY_AUDIENCE, expirationSeconds: 3600, path: 'token' } }]
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'hello', namespace: 'default' },
    spec: {
      nodeName: 'node1',
      serviceAccountName: 'default',
      containers: [{ name: 'hello', image: 'hello' }],
      volumes: [{ name: 'token-projector-identity', projected: { sources } }],
    },
  }
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'default' } }
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node1' } }
  const list = { apiVersion: 'v1', kind: 'List', items: [account, node, pod] }
  await server.kubectl(['create', '--filename', '-'], JSON.stringify(list))
  const bound = ['--bound-object-kind', 'Pod', '--bound-object-name', 'hello', '--audience', IDENTITY_AUDIENCE]
  return (await server.kubectl(['create', 'token', 'default', '--namespace', 'default', ...bound])).trim()
}

test('the signer recognizes a pod and gives it a token, with the same rights', async () => {
  const roots = (await inNamespace('configmap', `${RELEASE}-signer-ca`))['data']['ca.crt']
  const form = exchangeRequest(
    'https://signer',
    { audience: 'hello.example.com', ttlSeconds: 600 },
    await identityToken(),
  )
  await until('the signer answers with a token', async () => {
    expect(await askExchange(exchangePort, roots, form)).toMatchObject({ token_type: 'N_A', expires_in: 600 })
  })
})

/** At the name that the certificate is for. */
function askExchange(port: number, ca: string, { headers, body }: ExchangeRequest): Promise<object> {
  return new Promise((resolve, reject) => {
    const servername = `${RELEASE}-signer.${NAMESPACE}.svc`
    const options = { host: '127.0.0.1', port, path: '/token', method: 'POST', ca, servername, headers }
    const asked = request(options, async (response) => {
      const text = (await response.setEncoding('utf8').toArray()).join('')
      resolve(JSON.parse(text))
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

test('an upgrade leaves certificates, keys, roots and policy as the processes have them', async () => {
  const content = async () => [
    (await inNamespace('secrets'))['items'].map(({ data }: Manifest) => data),
    (await inNamespace('configmaps'))['items'].map(({ data }: Manifest) => data),
    ((await server.get(['audiencepolicies'])) as Manifest)['items'].map(({ spec, status }: Manifest) => [spec, status]),
  ]
  const before = await content()
  const args = ['upgrade', RELEASE, CHART, '--namespace', NAMESPACE, '--values', '-']
  await helm(args, { input: JSON.stringify(REQUIRED), kubeconfig: server.kubeconfig })
  // Helm's own record of the release is a Secret too.
  const after = await content()
  expect(after.slice(1)).toEqual(before.slice(1))
  expect(after[0]).toEqual(expect.arrayContaining((before[0] as Manifest[]).filter((data) => !('release' in data))))
})

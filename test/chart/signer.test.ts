/** Two signers with the rights that the chart gives them, on a real API server: keys, roots, policies, TokenReviews, pods. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { stringify } from 'yaml'
import { createLog } from '../../src/log.ts'
import { askWith, startInCluster, untilReady } from '../signer/in-cluster.ts'
import { type ApiServer, startApiServer } from './api-server.ts'
import { CHART, helm, type Manifest, NAMESPACE, named, RELEASE, REQUIRED, render } from './helm.ts'

const SIGNER = `${RELEASE}-signer`
const AUDIENCE = 'https://issuer.token-projector.test/token'

let server: ApiServer
let kubeconfig: string

const pod = (name: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'payments' },
  spec: {
    serviceAccountName: 'checkout',
    nodeName: 'node-1',
    containers: [{ name: 'app', image: 'app' }],
    volumes: [
      { name: 'identity', projected: { sources: [{ serviceAccountToken: { audience: AUDIENCE, path: 'token' } }] } },
    ],
  },
})
const policy = (effect: string): Manifest => ({
  apiVersion: 'token-projector.dev/v1alpha1',
  kind: 'AudiencePolicy',
  metadata: { name: 'checkout' },
  spec: {
    effect,
    from: { namespaces: ['payments'], serviceAccounts: ['checkout'] },
    to: { audiences: ['sts.amazonaws.com'] },
    maxTtlSeconds: 7200,
  },
})
const apply = (manifest: Manifest) => server.kubectl(['apply', '-f', '-'], stringify(manifest))

beforeAll(async () => {
  server = await startApiServer()
  const place = ['install', RELEASE, CHART, '--namespace', NAMESPACE, '--create-namespace', '--values', '-']
  await helm(place, { input: JSON.stringify(REQUIRED), kubeconfig: server.kubeconfig })
  await server.kubectl(['create', 'namespace', 'payments'])
  await server.kubectl(['create', 'serviceaccount', 'checkout', '--namespace', 'payments'])
  await apply(policy('Allow'))
  kubeconfig = await signersKubeconfig()
})
afterAll(() => server.stop())

/** With the service account that the chart makes, so that a right that is missing fails here. */
async function signersKubeconfig(): Promise<string> {
  const token = (await server.kubectl(['create', 'token', SIGNER, '--namespace', NAMESPACE])).trim()
  const config = JSON.parse(await readFile(server.kubeconfig, 'utf8'))
  config.users = [{ name: 'admin', user: { token } }]
  const path = join(server.directory, 'signer.kubeconfig')
  await writeFile(path, JSON.stringify(config), { mode: 0o600 })
  return path
}

async function start() {
  const config = named(await render(), 'ConfigMap', SIGNER)
  const deployment = named(await render(), 'Deployment', SIGNER)
  const { env } = deployment['spec'].template.spec.containers[0] as { env: { name: string; value: string }[] }
  const variable = (name: string) => env.find((one) => one.name === `TOKEN_PROJECTOR_${name}`)?.value ?? ''
  const lines: string[] = []
  const signer = await startInCluster({
    kubeconfig,
    namespace: NAMESPACE,
    settings: config['data']['signer.yaml'],
    keySecret: variable('KEY_SECRET'),
    tlsSecret: variable('TLS_SECRET'),
    caConfigMap: variable('SIGNER_CA_CONFIGMAP'),
    dnsName: 'signer.test',
    log: createLog('warn', 'signer', (line) => lines.push(line)),
  })
  return { ...signer, lines, caConfigMap: variable('SIGNER_CA_CONFIGMAP') }
}

type Started = Awaited<ReturnType<typeof start>>

async function exchange({ ports, caConfigMap }: Started, token: string) {
  const roots = (await server.get(['configmap', caConfigMap, '--namespace', NAMESPACE])) as Manifest
  const tls = { ca: roots['data']['ca.crt'], servername: 'signer.test' }
  return askWith(tls, ports.exchange, '/token', { subject_token: token, ttl_seconds: '7200' })
}

async function identityOf(name: string): Promise<string> {
  const bound = ['--bound-object-kind', 'Pod', '--bound-object-name', name, '--audience', AUDIENCE]
  return (await server.kubectl(['create', 'token', 'checkout', '--namespace', 'payments', ...bound])).trim()
}

const eventually = (judge: () => Promise<void>) => vi.waitFor(judge, 10_000)

test('signers that start together on the empty objects serve a pod, and no right is missing', async () => {
  const signers = await Promise.all([start(), start()])
  await untilReady(...signers)
  await apply(pod('together'))
  const token = await identityOf('together')
  for (const signer of signers) {
    const { status, body } = await exchange(signer, token)
    expect(status, body).toBe(200)
    const { access_token: granted, expires_in: expiresIn } = JSON.parse(body)
    expect(decodeJwt(granted)).toMatchObject({ sub: 'acme:payments:checkout', pod: 'together' })
    expect(expiresIn).toBe(7200)
  }
  await eventually(async () => {
    const { status } = (await server.get(['audiencepolicy', 'checkout'])) as Manifest
    expect(status?.conditions).toMatchObject([{ type: 'Ready', status: 'True', reason: 'InForce' }])
  })
  expect(signers.flatMap(({ lines }) => lines)).toEqual([])
})

test('a terminating pod is served until it is gone, a finished one is not', async () => {
  const signer = await start()
  await untilReady(signer)
  await apply(pod('leaving'))
  const token = await identityOf('leaving')
  await server.kubectl(['delete', 'pod', 'leaving', '--namespace', 'payments', '--wait=false'])
  const leaving = (await server.get(['pod', 'leaving', '--namespace', 'payments'])) as Manifest
  expect(leaving['metadata'].deletionTimestamp).toBeDefined()
  expect(await exchange(signer, token)).toMatchObject({ status: 200 })
  await server.kubectl(['delete', 'pod', 'leaving', '--namespace', 'payments', '--force', '--grace-period=0'])
  expect(await exchange(signer, token)).toMatchObject({
    status: 400,
    body: expect.stringContaining('payments/leaving'),
  })

  await apply(pod('done'))
  const done = await identityOf('done')
  const finished = ['--type', 'merge', '--patch', '{"status":{"phase":"Succeeded"}}']
  await server.kubectl(['patch', 'pod', 'done', '--namespace', 'payments', '--subresource', 'status', ...finished])
  expect(await exchange(signer, done)).toMatchObject({ status: 400, body: expect.stringContaining('has succeeded') })
})

test('a token for the API server, and one that is bound to no pod, are no identity', async () => {
  const signer = await start()
  await untilReady(signer)
  const create = ['create', 'token', 'checkout', '--namespace', 'payments']
  const unbound = (await server.kubectl([...create, '--audience', AUDIENCE])).trim()
  expect(await exchange(signer, unbound)).toMatchObject({
    status: 400,
    body: expect.stringContaining('bound to no pod'),
  })
  const login = (await server.kubectl(create)).trim()
  expect(await exchange(signer, login)).toMatchObject({ status: 400, body: expect.stringContaining(AUDIENCE) })
})

test('a policy that changes is in force within two seconds, and says so', async () => {
  const signer = await start()
  await untilReady(signer)
  await apply(pod('governed'))
  const token = await identityOf('governed')
  expect(await exchange(signer, token)).toMatchObject({ status: 200 })
  await apply(policy('Deny'))
  const denied = { status: 400, body: expect.stringContaining('AudiencePolicy checkout denies') }
  await vi.waitFor(async () => expect(await exchange(signer, token)).toMatchObject(denied), 2000)
  await eventually(async () => {
    const { status, metadata } = (await server.get(['audiencepolicy', 'checkout'])) as Manifest
    expect(status?.conditions).toMatchObject([{ observedGeneration: metadata.generation }])
  })
  await apply(policy('Allow'))
  await vi.waitFor(async () => expect(await exchange(signer, token)).toMatchObject({ status: 200 }), 2000)
})

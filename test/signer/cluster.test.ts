/** A whole signer in a cluster: keys, certificate and policies are objects, and every caller is asked about. */
import { decodeJwt } from 'jose'
import { expect, test, vi } from 'vitest'
import {
  AUDIENCE_POLICIES,
  configMaps,
  configMapText,
  type KubernetesObject,
  objectPath,
  secrets,
} from '../../src/kubernetes/object.ts'
import { createClusterIssuer } from '../doubles/cluster-issuer.ts'
import { playCluster } from '../doubles/token-reviews.ts'
import { startCluster, type TestCluster } from '../kubernetes/server.ts'
import { type Answer, askWith, readiness, startInCluster, untilReady } from './in-cluster.ts'

const ISSUER = 'https://issuer.token-projector.test'
const NAME = 'signer.identity.svc'
const POLICY = objectPath(AUDIENCE_POLICIES, 'checkout')
const eventually = <Result>(judge: () => Result | Promise<Result>) => vi.waitFor(judge, 8000)
const issuer = await createClusterIssuer({ issuer: 'https://kubernetes.default.svc', audience: `${ISSUER}/token` })

const settings = `
issuers: [{url: '${ISSUER}', organization: acme, alg: ES256}]
clusters: [{name: prod, organization: acme, mode: tokenReview, issuer: '${issuer.issuer}'}]
`

const policy = (maxTtlSeconds = 86_400) => ({
  spec: {
    effect: 'Allow',
    from: { namespaces: ['payments'], serviceAccounts: ['checkout'] },
    to: { audiences: ['sts.amazonaws.com'] },
    maxTtlSeconds,
  },
})

const SECRETS = ['signer-keys', 'signer-tls']
const CONFIG_MAPS = ['signer-keys-public', 'signer-ca']

/** As the chart leaves it. */
function createObjects({ server }: TestCluster): void {
  for (const name of SECRETS) server.put(objectPath(secrets('identity'), name), {})
  for (const name of CONFIG_MAPS) server.put(objectPath(configMaps('identity'), name), {})
}

async function install(): Promise<TestCluster> {
  const cluster = await startCluster()
  createObjects(cluster)
  return cluster
}

function start({ kubeconfig, log }: TestCluster) {
  const [keySecret = '', tlsSecret = ''] = SECRETS
  const names = { namespace: 'identity', keySecret, tlsSecret, caConfigMap: 'signer-ca', dnsName: NAME }
  return startInCluster({ ...names, kubeconfig, settings, log })
}

/** As a sidecar: by the roots that the signer published. */
function ask({ server }: TestCluster, port: number, path: string, form?: Record<string, string>): Promise<Answer> {
  const published = server.read(objectPath(configMaps('identity'), 'signer-ca')) as KubernetesObject
  return askWith({ ca: configMapText(published, 'ca.crt') ?? '', servername: NAME }, port, path, form)
}

test('two signers that start together on empty objects give tokens that either key set verifies', async () => {
  const cluster = await install()
  const { run } = playCluster(cluster.server, issuer)
  cluster.server.put(POLICY, policy())
  const [one, two] = await Promise.all([start(cluster), start(cluster)])
  await untilReady(one, two)
  const token = await issuer.mint({ expiresInSeconds: 700 })
  run(token)
  const sets = await Promise.all([one, two].map(({ ports }) => ask(cluster, ports.public, '/.well-known/jwks.json')))
  expect(sets[0]).toEqual(sets[1])
  for (const { ports } of [one, two]) {
    const answer = await ask(cluster, ports.exchange, '/token', { subject_token: token, ttl_seconds: '7200' })
    expect(answer.status, answer.body).toBe(200)
    const { access_token: granted, expires_in: expiresIn } = JSON.parse(answer.body)
    expect(decodeJwt(granted)).toMatchObject({ sub: 'acme:payments:checkout', pod: 'checkout-7c9f8d6b5d-x2k4q' })
    // The pod was asked about, so its token may outlive the one that it showed.
    expect(expiresIn).toBe(7200)
  }
})

test('a policy takes effect, changes and goes while the signer runs', async () => {
  const cluster = await install()
  const { run } = playCluster(cluster.server, issuer)
  const signer = await start(cluster)
  await untilReady(signer)
  const token = await issuer.mint()
  run(token)
  const exchange = () => ask(cluster, signer.ports.exchange, '/token', { subject_token: token })
  expect(await exchange()).toMatchObject({ status: 503 })
  cluster.server.put(POLICY, policy())
  await eventually(async () => expect((await exchange()).status).toBe(200))
  await eventually(() =>
    expect(cluster.server.read(POLICY)?.['status']).toMatchObject({ conditions: [{ status: 'True' }] }),
  )
  cluster.server.put(POLICY, policy(60))
  await eventually(async () => expect(JSON.parse((await exchange()).body).expires_in).toBe(60))
  cluster.server.remove(POLICY)
  await eventually(async () => expect((await exchange()).status).toBe(503))
})

test('a signer without its objects runs, says what is missing, and begins when it comes', async () => {
  const cluster = await startCluster()
  playCluster(cluster.server, issuer)
  const signer = await start(cluster)
  await eventually(async () => {
    const { status, body } = await readiness(signer)
    expect(status).toBe(503)
    expect(body).toContain('secrets/signer-keys in namespace identity does not exist; install the chart again')
    expect(body).toContain('secrets/signer-tls in namespace identity')
  })
  createObjects(cluster)
  await untilReady(signer)
})

test('a pod that is gone, and an API server that does not answer, are told apart', async () => {
  const cluster = await install()
  const { run, kill } = playCluster(cluster.server, issuer)
  cluster.server.put(POLICY, policy())
  const signer = await start(cluster)
  await untilReady(signer)
  const token = await issuer.mint()
  run(token)
  const exchange = () => ask(cluster, signer.ports.exchange, '/token', { subject_token: token })
  expect(await exchange()).toMatchObject({ status: 200 })
  kill(token)
  expect(await exchange()).toMatchObject({ status: 400, body: expect.stringContaining('invalid_request') })
  run(token)
  cluster.server.intercept(({ verb }) => (verb === 'create' ? { status: 500, body: {} } : undefined))
  expect(await exchange()).toMatchObject({ status: 503, body: expect.stringContaining('temporarily_unavailable') })
})

/** Callers of the cluster that the signer runs in: believed by keys, then by the API server, then by the pod. */
import { expect, test } from 'vitest'
import { objectPath, pods, TOKEN_REVIEWS } from '../../../src/kubernetes/object.ts'
import { createAuthenticate } from '../../../src/signer/caller/authenticate.ts'
import { createClusterIssuer } from '../../doubles/cluster-issuer.ts'
import { playCluster } from '../../doubles/token-reviews.ts'
import { startCluster } from '../../kubernetes/server.ts'

const AUDIENCE = 'https://issuer.example/token'
const issuer = await createClusterIssuer({ issuer: 'https://kubernetes.default.svc', audience: AUDIENCE, alg: 'ES256' })
const remote = await createClusterIssuer({ issuer: 'https://remote.example', audience: AUDIENCE, alg: 'ES256' })
const POD = objectPath(pods('payments'), 'checkout-7c9f8d6b5d-x2k4q')

const own = {
  name: 'prod',
  organization: 'acme',
  mode: 'tokenReview' as const,
  issuer: issuer.issuer,
  apiAudiences: [],
}

async function start() {
  const cluster = await startCluster()
  const played = playCluster(cluster.server, issuer)
  const failures: string[] = []
  const settings = { clusters: [own], identityAudience: AUDIENCE }
  const authenticate = await createAuthenticate(settings, {
    now: Date.now,
    log: cluster.log,
    client: cluster.client,
    onFetchFailure: (name) => failures.push(`jwks ${name}`),
    onLiveFailure: (name, request) => failures.push(`${request} ${name}`),
  })
  const asked = () => cluster.server.calls.filter(({ path }) => path !== '/openid/v1/jwks').map(({ path }) => path)
  return { ...cluster, ...played, failures, authenticate, asked }
}

test('a pod that runs is believed, and its tokens may outlive the one that it shows', async () => {
  const { authenticate, run, asked } = await start()
  const token = await issuer.mint()
  run(token)
  expect(await authenticate(token)).toMatchObject({
    cluster: 'prod',
    namespace: 'payments',
    serviceAccount: { name: 'checkout' },
    isConfirmed: true,
  })
  expect(asked()).toEqual([TOKEN_REVIEWS, POD])
})

test.each([
  ['garbage', async () => 'garbage', 'subject-token-malformed'],
  ['a token of another issuer', () => remote.mint(), 'subject-token-untrusted'],
  [
    'a token with another signature',
    () => remote.mint({ claims: { iss: issuer.issuer }, header: { kid: issuer.jwks().keys[0]?.kid } }),
    'subject-token-untrusted',
  ],
  [
    'a token for the API server',
    () => issuer.mint({ audience: 'https://kubernetes.default.svc' }),
    'subject-token-audience',
  ],
  ['an expired token', () => issuer.mint({ expiresInSeconds: -60 }), 'subject-token-expired'],
])('%s costs the API server nothing', async (_name, mint, refused) => {
  const { authenticate, asked } = await start()
  expect(await authenticate(await mint())).toMatchObject({ refused })
  expect(asked()).toEqual([])
})

test('a deleted pod is refused by the review, and the pod is not asked for', async () => {
  const { authenticate, run, kill, asked } = await start()
  const token = await issuer.mint()
  run(token)
  kill(token)
  expect(await authenticate(token)).toMatchObject({
    refused: 'subject-token-rejected',
    message: expect.stringContaining('service account token has been invalidated'),
  })
  expect(asked()).toEqual([TOKEN_REVIEWS])
})

test('a pod that is being deleted is served until it is gone', async () => {
  const { authenticate, run } = await start()
  const token = await issuer.mint()
  run(token, { metadata: { deletionTimestamp: new Date().toISOString() } })
  expect(await authenticate(token)).toMatchObject({ isConfirmed: true })
})

test.each([
  ['finished', { status: { phase: 'Succeeded' } }, 'pod-finished'],
  ['on another node', { spec: { nodeName: 'node-9' } }, 'pod-mismatch'],
  ['without our volume', { spec: { volumes: [] } }, 'pod-mismatch'],
])('a pod that the API server still accepts is refused: %s', async (_name, changes, refused) => {
  const { authenticate, run } = await start()
  const token = await issuer.mint()
  run(token, changes)
  expect(await authenticate(token)).toMatchObject({ refused })
})

test('a pod that went between the two questions is gone', async () => {
  const { authenticate, run, server } = await start()
  const token = await issuer.mint()
  run(token)
  server.intercept(({ path }) => (path === POD ? { status: 404, body: { message: 'gone' } } : undefined))
  expect(await authenticate(token)).toMatchObject({ refused: 'pod-gone' })
})

test('an answer for nobody in particular is no yes', async () => {
  const { authenticate, run, say } = await start()
  const token = await issuer.mint()
  run(token)
  say({ audiences: [] })
  expect(await authenticate(token)).toMatchObject({ refused: 'subject-token-rejected' })
})

test.each([
  [429, TOKEN_REVIEWS, 'tokenreview prod', 'too much to do'],
  [500, TOKEN_REVIEWS, 'tokenreview prod', 'does not answer as it should (500)'],
  [403, TOKEN_REVIEWS, 'tokenreview prod', 'whose role or token'],
  [503, POD, 'pod prod', 'does not answer as it should (503)'],
  [403, POD, 'pod prod', 'whose role or token'],
])('without an answer nobody is served: %i at %s', async (status, path, failure, words) => {
  const { authenticate, run, server, failures, lines } = await start()
  const token = await issuer.mint()
  run(token)
  server.intercept((call) => (call.path === path ? { status, body: { message: 'no' } } : undefined))
  expect(await authenticate(token)).toMatchObject({
    refused: 'cluster-unavailable',
    message: expect.stringContaining(words),
  })
  expect(failures).toEqual([failure])
  expect(lines.join()).toContain('nobody is believed')
  expect(lines.join()).not.toContain(token)
})

test('an API server that is gone is not replaced by its keys', async () => {
  const { authenticate, run, server, failures } = await start()
  const token = await issuer.mint()
  run(token)
  await server.close()
  expect(await authenticate(token)).toMatchObject({
    refused: 'cluster-unavailable',
    message: expect.stringContaining('no connection'),
  })
  expect(failures).toEqual(['tokenreview prod'])
})

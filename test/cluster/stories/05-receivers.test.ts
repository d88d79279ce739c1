/** Story 5: receivers that nobody here wrote accept the tokens: an API server and AWS's SDK, before and after a rotation. */
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { kubernetes } from '../../../src/cli/trust/kubernetes.ts'
import { trust } from '../../../src/cli/trust.ts'
import { IMAGE_NODE, TOKENS_DIRECTORY } from '../../../src/contract.ts'
import { VERSION } from '../../../src/version.ts'
import { podOf } from '../../demo/admission.ts'
import { parseLine } from '../../demo/child.ts'
import { NODE_ADDRESS } from '../layout.ts'
import { until } from '../wait.ts'
import { KUBECTL_IMAGE, loadCheckoutImage, loadKubectlImage } from './application-images.ts'
import { type Installation, ISSUER, policiesInForce, startInstallation } from './installation.ts'
import {
  kubeconfig,
  listening,
  OUTSIDE,
  type Outside,
  openOutside,
  type SecondApiServer,
  startGateway,
  startSecondApiServer,
} from './outside.ts'
import { AUDIENCE, asking, namespace, pod, policy, TEAM } from './workloads.ts'

const KUBERNETES = 'token-projector.dev/kubernetes'
const AWS = 'sts.amazonaws.com'
const ROLE = 'arn:aws:iam::111122223333:role/checkout'
const EXAMPLE = join(import.meta.dirname, '../../../examples/aws-sdk-js/deployment.yaml')
/** So that rotations are seen within seconds. */
const TTL_SECONDS = 20
/** Between the program's two calls: another token lies in the file then, and its first session is over. */
const PAUSE_SECONDS = TTL_SECONDS / 2 + 2
const FILE = `${TOKENS_DIRECTORY}/default`

let installation: Installation
let outside: Outside
let second: SecondApiServer

beforeAll(async () => {
  installation = await startInstallation({ hosts: OUTSIDE })
  await installation.apply([namespace(TEAM)])
  await installation.apply([policy('team', [AUDIENCE, KUBERNETES, AWS], { maxTtlSeconds: TTL_SECONDS })])
  await policiesInForce(installation, 1)
  outside = await openOutside(installation)
  await startGateway(outside, installation)
})
afterAll(() => installation?.stop())

const configMap = (name: string, data: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: TEAM },
  data,
})
const volumeOf = (name: string) => ({ name, configMap: { name } })

/** @returns the token that was there, as soon as another has taken its place */
async function replaced(of: () => Promise<string>): Promise<string> {
  const former = await of()
  const { jti } = decodeJwt(former)
  await until('the token is rotated', async () => {
    if (decodeJwt(await of()).jti === jti) throw new Error('it is the old one')
  })
  return former
}

/** What `token-projector trust kubernetes` prints for the service account. */
function trustDocuments() {
  const values = { 'username-prefix': 'workload:' }
  const who = { issuer: ISSUER, organization: 'acme', namespace: TEAM, serviceAccount: 'default' }
  const printed: string[] = []
  trust(
    { ...who, receiver: kubernetes, values, audience: undefined, format: 'json' },
    { writeOut: (text) => void printed.push(text), say: () => undefined },
  )
  return printed.map((text) => JSON.parse(text))
}
/** Of the service account, in the other cluster. */
let username: string

test('1. an API server that is told to trusts our issuer, by what it fetches itself', async () => {
  const [authentication, binding] = trustDocuments()
  const [jwt] = authentication.jwt
  jwt.issuer.certificateAuthority = outside.ca
  second = await startSecondApiServer(outside, installation, authentication)
  username = binding.subjects[0].name
  expect(await second.kubectl(['auth', 'whoami', '--output=jsonpath={.status.userInfo.username}'])).toBe('admin')
})

/** kubectl in a pod, whose kubeconfig names the token's file. */
const whoami = (...args: string[]) => inLogin('auth', 'whoami', '--output=json', ...args)
const inLogin = (...args: string[]) =>
  installation.cluster.kubectl(['exec', '--namespace', TEAM, 'login', '--container', 'app', '--', '/kubectl', ...args])
const tokenOfLogin = () => installation.inSidecar(TEAM, 'login', `fs.readFileSync('${FILE}', 'utf8')`)

test('2. a pod logs in there with its token file', async () => {
  await loadKubectlImage(installation.cluster)
  const config = JSON.stringify(kubeconfig(second.url, outside.ca, { tokenFile: FILE }))
  const container = {
    name: 'app',
    image: KUBECTL_IMAGE,
    args: ['proxy', '--port=0'],
    env: [{ name: 'KUBECONFIG', value: '/etc/second/config' }],
    volumeMounts: [{ name: 'second', mountPath: '/etc/second', readOnly: true }],
  }
  const spec = { containers: [container], volumes: [volumeOf('second')] }
  await installation.apply([
    configMap('second', { config, 'ca.crt': outside.ca }),
    pod('login', { annotations: asking({ audience: KUBERNETES }), spec }),
  ])
  await installation.ready(TEAM, 'pod/login')
  const { status } = JSON.parse(await until('the login', whoami))
  expect(status.userInfo.username).toBe(username)
})

test('3. it may do there what that cluster lets it, and nothing else', async () => {
  await expect(inLogin('get', 'namespaces')).rejects.toThrow(`User "${username}" cannot list resource "namespaces"`)
  await second.kubectl(['create', 'clusterrole', 'reader', '--verb=list', '--resource=namespaces'])
  const user = `--user=${username}`
  await second.kubectl(['create', 'clusterrolebinding', 'reader', '--clusterrole=reader', user])
  expect(await until('the right', () => inLogin('get', 'namespaces', '--output=name'))).toContain('namespace/default')
  await expect(inLogin('get', 'secrets')).rejects.toThrow('cannot list resource "secrets"')
})

test('4. after a rotation the same kubeconfig logs in with the new token, and the one before still verifies', async () => {
  const former = await replaced(tokenOfLogin)
  // By the published keys, since an API server remembers for ten seconds whom it has let in.
  expect((await installation.verify(former, KUBERNETES)).sub).toBe(`acme:${TEAM}:default`)
  const { status } = JSON.parse(await whoami())
  expect(status.userInfo.username).toBe(username)
})

/** @returns what kubectl says; a rejection would repeat the command line, and so the token, where a test fails */
function loginWith(token: string): Promise<string> {
  const trust = ['--kubeconfig=/dev/null', `--server=${second.url}`, '--certificate-authority=/etc/second/ca.crt']
  return inLogin('auth', 'whoami', ...trust, `--token=${token}`).catch((error) => String(error.stderr))
}

/** For the same service account, but by the cluster's own issuer, which the second server was not told to trust. */
const tokenOfTheCluster = async (audience: string) => {
  const command = ['create', 'token', 'default', '--namespace', TEAM, `--audience=${audience}`]
  return (await installation.cluster.kubectl(command)).trimEnd()
}

test('5. a token for another audience, of another issuer, or with the signature of another token is nobody there', async () => {
  await installation.apply([pod('other')])
  await installation.ready(TEAM, 'pod/other')
  const other = await installation.token(TEAM, 'other')
  const ours = await tokenOfLogin()
  const forged = [...ours.split('.').slice(0, 2), other.split('.')[2]].join('.')
  const foreign = await tokenOfTheCluster(KUBERNETES)
  expect(await loginWith(ours)).toContain(username)
  for (const token of [other, foreign, forged]) expect(await loginWith(token)).toMatch(/Unauthorized|must be logged in/)
})

test('6. the AWS SDK in a pod signs in, and again with the rotated token', async () => {
  const sts = outside.start('sts/main.ts', {
    STS_DOUBLE: JSON.stringify({
      providers: [{ issuer: ISSUER, clientIds: [AWS] }],
      roles: [{ arn: ROLE, trust: { issuer: ISSUER, aud: AWS, sub: `acme:${TEAM}:checkout` } }],
      tls: await outside.certify('sts', []),
      host: NODE_ADDRESS,
      sessionSeconds: PAUSE_SECONDS - 2,
    }),
    NODE_EXTRA_CA_CERTS: outside.caFile,
  })
  const { url } = await sts.firstLine(listening)
  await loadCheckoutImage(installation.cluster)
  const { spec, metadata } = (await podOf(EXAMPLE)) as unknown as ReturnType<typeof pod>
  const [app] = spec.containers
  const env = Object.entries({
    AWS_ENDPOINT_URL_STS: String(url),
    NODE_EXTRA_CA_CERTS: '/etc/outside/ca.crt',
    PAUSE_SECONDS: String(PAUSE_SECONDS),
  }).map(([name, value]) => ({ name, value }))
  const volumeMounts = [{ name: 'outside', mountPath: '/etc/outside', readOnly: true }]
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'checkout', namespace: TEAM } }
  await installation.apply([account, configMap('outside', { 'ca.crt': outside.ca })])
  const changed = {
    restartPolicy: 'Never',
    containers: [{ ...app, env, volumeMounts }],
    volumes: [volumeOf('outside')],
  }
  const program = { ...pod('checkout'), metadata: { ...metadata, generateName: undefined, name: 'checkout' } }
  await installation.apply([{ ...program, spec: { ...spec, ...changed } }])
  const { kubectl } = installation.cluster
  const succeeded = '--for=jsonpath={.status.phase}=Succeeded'
  await kubectl(['wait', '--namespace', TEAM, succeeded, 'pod/checkout', '--timeout=90s'])
  const arn = 'arn:aws:sts::111122223333:assumed-role/checkout/checkout'
  expect(await kubectl(['logs', '--namespace', TEAM, 'checkout', '--container', 'app'])).toBe(`${arn}\n${arn}\n`)
  const calls = sts.output().split('\n').map(parseLine)
  const answered = calls.filter((call) => call?.action !== undefined)
  expect(answered.filter((call) => call?.outcome !== 'ok')).toEqual([])
  const signedIn = answered.filter((call) => call?.action === 'GetCallerIdentity').map((call) => call?.jti)
  expect(signedIn).toHaveLength(2)
  expect(new Set(signedIn).size).toBe(2)
})

/** Reads the file as fast as it can for a token's whole life, and prints what it met. */
const READER = `
const { readFileSync } = require('node:fs')
const met = { reads: 0, bad: 0, tokens: new Set() }
const endsAt = Date.now() + ${TTL_SECONDS * 1000}
const look = () => {
  for (let n = 0; n < 200; n++) {
    met.reads++
    try {
      const token = readFileSync('${FILE}', 'utf8')
      const { exp } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))
      if (token.split('.').length !== 3 || exp * 1000 < Date.now()) met.bad++
      met.tokens.add(token)
    } catch { met.bad++ }
  }
  if (Date.now() < endsAt) setTimeout(look, 5)
  else console.log(JSON.stringify({ ...met, tokens: [...met.tokens] }))
}
look()
`

test('7. while a pod runs its token is renewed, and its file is never missing, empty, torn or expired', async () => {
  const reader = { name: 'app', image: `token-projector:${VERSION}`, command: [IMAGE_NODE, '--eval', READER] }
  await installation.apply([pod('renewed', { spec: { restartPolicy: 'Never', containers: [reader] } })])
  const { kubectl } = installation.cluster
  const succeeded = '--for=jsonpath={.status.phase}=Succeeded'
  await kubectl(['wait', '--namespace', TEAM, succeeded, 'pod/renewed', '--timeout=90s'])
  const met = JSON.parse(await kubectl(['logs', '--namespace', TEAM, 'renewed', '--container', 'app']))
  expect(met.bad).toBe(0)
  expect(met.reads).toBeGreaterThan(1000)
  expect(met.tokens.length).toBeGreaterThan(1)
  for (const token of met.tokens) expect(decodeJwt(token).sub).toBe(`acme:${TEAM}:default`)
  await installation.verify(met.tokens.at(-1), AUDIENCE)
})

/** Story 2: every kind of workload gets its token, as whatever user it runs, and nobody else is touched. */
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { IDENTITY_DIRECTORY, IDENTITY_TOKEN_FILE, TOKENS_DIRECTORY } from '../../../src/contract.ts'
import { restrictedNamespace, restrictedPod } from '../objects.ts'
import { until } from '../wait.ts'
import { IDENTITY_AUDIENCE, type Installation, policiesInForce, startInstallation } from './installation.ts'
import {
  AUDIENCE,
  application,
  asking,
  everyMinute,
  job,
  namespace,
  pod,
  policy,
  reader,
  TEAM,
  workload,
} from './workloads.ts'

const OTHER_AUDIENCE = 'sts.amazonaws.com'
const STRICT = 'strict'
const ANYBODY = { from: { namespaces: [TEAM, STRICT], serviceAccounts: ['*'] } }
const REVIEWS = 'token_projector_webhook_reviews_total'
let installation: Installation

beforeAll(async () => {
  installation = await startInstallation()
  await installation.apply([namespace(TEAM), restrictedNamespace(STRICT)])
  await installation.apply([policy('team', [AUDIENCE, OTHER_AUDIENCE], ANYBODY)])
  await policiesInForce(installation, 1)
  await installation.apply([everyMinute('nightly')])
})
afterAll(() => installation?.stop())

const logs = (what: string, container = 'app') =>
  installation.cluster.kubectl(['logs', '--namespace', TEAM, what, '--container', container])
const subject = async (token: string) => (await installation.verify(token, AUDIENCE)).sub

test.each(['Deployment', 'StatefulSet', 'DaemonSet'] as const)('1. a %s', async (kind) => {
  await installation.apply([workload(kind, kind.toLowerCase())])
  const what = `${kind.toLowerCase()}/${kind.toLowerCase()}`
  await installation.ready(TEAM, what)
  expect(await subject(await installation.token(TEAM, what))).toBe(`acme:${TEAM}:default`)
})

test('2. a Job reads its token and completes: our container does not keep it alive', async () => {
  await installation.apply([job('report')])
  const complete = ['wait', '--namespace', TEAM, '--for=condition=Complete', 'job/report', '--timeout=60s']
  await installation.cluster.kubectl(complete)
  expect(await subject(await logs('job/report'))).toBe(`acme:${TEAM}:default`)
})

test('3. init containers find the token, and so does the application', async () => {
  const initContainers = [{ ...reader, name: 'first' }]
  await installation.apply([pod('bare', { spec: { initContainers, containers: [application] } })])
  await installation.ready(TEAM, 'pod/bare')
  expect(await subject(await logs('bare', 'first'))).toBe(`acme:${TEAM}:default`)
  expect(await subject(await installation.token(TEAM, 'bare'))).toBe(`acme:${TEAM}:default`)
})

test.each([
  ['nobody says', 65_532, {}],
  ['the pod has a user', 1234, { securityContext: { runAsUser: 1234 } }],
  ['the pod has a user and a group for files', 1234, { securityContext: { runAsUser: 1234, fsGroup: 5678 } }],
  ['there is only a group for files', 65_532, { securityContext: { fsGroup: 5678 } }],
  [
    'the user is one that a platform assigns',
    1_000_680_000,
    {
      securityContext: { runAsUser: 1_000_680_000, fsGroup: 1_000_680_000 },
    },
  ],
  ['the container has a user', 1234, { containers: [{ ...application, securityContext: { runAsUser: 1234 } }] }],
  ['the application is root', 65_532, { containers: [{ ...application, securityContext: { runAsUser: 0 } }] }],
])('4. users: where %s, our container is %i and the application reads its token', async (_name, uid, spec) => {
  const { name } = (await created(pod('', { spec }))).metadata
  await installation.ready(TEAM, `pod/${name}`)
  expect(await installation.inSidecar(TEAM, name, 'process.getuid()')).toBe(String(uid))
  expect(await subject(await installation.token(TEAM, name))).toBe(`acme:${TEAM}:default`)
})

/** With a name that the API server makes. */
async function created(object: ReturnType<typeof pod>) {
  const named = { ...object, metadata: { ...object.metadata, name: undefined, generateName: 'made-' } }
  return JSON.parse(await installation.cluster.kubectl(['create', '--output=json', '-f', '-'], JSON.stringify(named)))
}

test('5. a namespace that enforces the restricted standard takes the pod with our container', async () => {
  const { metadata, ...rest } = restrictedPod('careful', STRICT)
  const [container] = rest.spec.containers
  const spec = { ...rest.spec, containers: [{ ...container, name: 'app' }] }
  await installation.apply([{ ...rest, spec, metadata: { ...metadata, annotations: asking() } }])
  await installation.ready(STRICT, 'pod/careful')
  expect(await subject(await installation.token(STRICT, 'careful'))).toBe(`acme:${STRICT}:default`)
})

test('6. two audiences are two files, and each token is for its own', async () => {
  const annotations = asking({ audience: AUDIENCE, 'audience.cloud': OTHER_AUDIENCE, 'ttl-seconds.cloud': '900' })
  await installation.apply([pod('two', { annotations })])
  await installation.ready(TEAM, 'pod/two')
  await installation.verify(await installation.token(TEAM, 'two'), AUDIENCE)
  const { iat = 0, exp = 0 } = await installation.verify(await installation.token(TEAM, 'two', 'cloud'), OTHER_AUDIENCE)
  expect(exp - iat).toBe(900)
})

test('7. our container holds no token for the API server; the application keeps its own', async () => {
  const listing = await installation.inSidecar(TEAM, 'two', `fs.readdirSync('${IDENTITY_DIRECTORY}').join()`)
  expect(listing.split(',').filter((name) => !name.startsWith('..'))).toEqual(['token'])
  const identity = await installation.inSidecar(TEAM, 'two', `fs.readFileSync('${IDENTITY_TOKEN_FILE}', 'utf8')`)
  expect(decodeJwt(identity).aud).toEqual([IDENTITY_AUDIENCE])
  const read = ['exec', '--namespace', TEAM, 'two', '--container', 'app', '--', '/probe', 'read', IDENTITY_TOKEN_FILE]
  expect(decodeJwt(await installation.cluster.kubectl(read)).aud).not.toContain(IDENTITY_AUDIENCE)
})

test('8. the application cannot write where its token lies', async () => {
  const write = ['/probe', 'write', `${TOKENS_DIRECTORY}/default`, 'forged']
  const written = installation.cluster.kubectl([
    'exec',
    '--namespace',
    TEAM,
    'two',
    '--container',
    'app',
    '--',
    ...write,
  ])
  await expect(written).rejects.toThrow('read-only file system')
})

test('9. a pod without our annotations does not reach the webhook', async () => {
  const before = await installation.counted('webhook', REVIEWS)
  await installation.apply([pod('plain', { annotations: { 'example.com/owner': 'payments' } })])
  await installation.ready(TEAM, 'pod/plain')
  expect(await installation.counted('webhook', REVIEWS)).toBe(before)
  expect((await installation.get(TEAM, 'pod', 'plain'))['spec'].initContainers).toBeUndefined()
  // The counter does count.
  await installation.apply([pod('counted')], '--dry-run=server')
  expect(await installation.counted('webhook', REVIEWS, 'outcome="injected"')).toBeGreaterThan(0)
  expect(await installation.counted('webhook', REVIEWS)).toBeGreaterThan(before)
})

test('10. a dry run on the server shows the pod as it would be, and makes none', async () => {
  const shown = JSON.parse(await installation.apply([pod('imagined')], '--dry-run=server', '--output=json'))
  const [{ spec }] = shown.items ?? [shown]
  expect(spec.initContainers).toMatchObject([{ name: 'token-projector', restartPolicy: 'Always' }])
  await expect(installation.get(TEAM, 'pod', 'imagined')).rejects.toThrow('not found')
})

test.each([
  ['by the client', []],
  ['by the server', ['--server-side', '--force-conflicts']],
])('11. what is applied twice %s changes nothing', async (how, options) => {
  const name = how.replaceAll(' ', '-')
  const objects = [pod(name), workload('Deployment', name)]
  await installation.apply(objects, ...options)
  await Promise.all([installation.ready(TEAM, `pod/${name}`), installation.ready(TEAM, `deployment/${name}`)])
  const versions = async () => [
    (await installation.get(TEAM, 'pod', name)).metadata['generation'],
    (await installation.get(TEAM, 'deployment', name)).metadata['generation'],
    (await installation.get(TEAM, 'pods', '--selector', `app=${name}`))['items'].length,
  ]
  const before = await versions()
  await installation.apply(objects, ...options)
  expect(await versions()).toEqual(before)
})

test('12. a CronJob has run by now, and its Job completed', async () => {
  await until(
    'a Job of the CronJob',
    async () => {
      const { items } = await installation.get(TEAM, 'pods', '--selector', 'app=nightly')
      expect(items[0].status.phase).toBe('Succeeded')
      expect(await subject(await logs(items[0].metadata.name))).toBe(`acme:${TEAM}:default`)
    },
    { timeoutMs: 90_000, everyMs: 500 },
  )
})

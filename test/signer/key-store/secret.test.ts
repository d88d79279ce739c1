/** The key Secret: made once whoever starts together, read ever after, and never silently made again. */
import { expect, onTestFinished, test, vi } from 'vitest'
import {
  configMaps,
  configMapText,
  type KubernetesObject,
  objectPath,
  secretData,
  secrets,
  withSecretData,
} from '../../../src/kubernetes/object.ts'
import { followKeySecret } from '../../../src/signer/key-store/secret.ts'
import type { KeySource } from '../../../src/signer/key-store/source.ts'
import { publicKeys } from '../../../src/signer/keyring.ts'
import type { StoredObject } from '../../doubles/api-server.ts'
import { startCluster, type TestCluster } from '../../kubernetes/server.ts'
import { storedSet } from '../keys.ts'

const SECRET = objectPath(secrets('identity'), 'keys')
const RECORD = objectPath(configMaps('identity'), 'keys-public')
const CANARY = 'CANARYCANARYCANARY'
const eventually = (judge: () => void) => vi.waitFor(judge, 8000)

/** A cluster as the chart leaves it. */
async function installed(): Promise<TestCluster> {
  const cluster = await startCluster()
  cluster.server.put(SECRET, { type: 'Opaque' })
  cluster.server.put(RECORD, {})
  return cluster
}

function replica({ client, log }: TestCluster, random = 0): KeySource {
  const deps = { client, log, random: () => random, now: () => 1_900_000_000_000 }
  const source = followKeySecret({ namespace: 'identity', name: 'keys', alg: 'ES256' }, deps)
  onTestFinished(() => source.close())
  return source
}

const read = ({ server }: TestCluster, path: string) => server.read(path) as KubernetesObject
const content = (cluster: TestCluster) => secretData(read(cluster, SECRET))['keys.json'] ?? ''
const record = (cluster: TestCluster) => configMapText(read(cluster, RECORD), 'jwks.json') ?? ''
const writes = ({ server }: TestCluster) => server.calls.filter(({ verb }) => !['get', 'watch'].includes(verb))

function store(cluster: TestCluster, text: string): void {
  const secret = cluster.server.read(SECRET) ?? { metadata: { name: 'keys' } }
  cluster.server.put(
    SECRET,
    withSecretData(secret as KubernetesObject, text === '' ? {} : { 'keys.json': text }) as StoredObject,
  )
}

async function settled(cluster: TestCluster, ...sources: KeySource[]): Promise<void> {
  await eventually(() => {
    for (const source of sources) {
      expect(source.unready()).toBeUndefined()
      expect(source.current()?.keyring).toEqual(JSON.parse(content(cluster)))
    }
    expect(JSON.parse(record(cluster)).keys.length).toBeGreaterThan(0)
  })
}

const waiting = (source: KeySource, words: string) =>
  eventually(() => {
    expect(source.unready()).toContain(words)
    expect(source.current()).toBeUndefined()
  })

test('the first start fills the Secret and then its record', async () => {
  const cluster = await installed()
  const source = replica(cluster)
  expect(source.unready()).toContain('secrets/keys in namespace identity is not read yet')
  await settled(cluster, source)
  expect(source.current()?.keyring).toMatchObject({
    generation: 1,
    keys: [{ state: 'active', alg: 'ES256', createdAt: '2030-03-17T17:46:40.000Z' }, { state: 'standby' }],
  })
  expect(writes(cluster).map(({ verb, path }) => `${verb} ${path}`)).toEqual([`update ${SECRET}`, `update ${RECORD}`])
  expect(read(cluster, SECRET)['type']).toBe('Opaque')
  const { keyring } = source.current() ?? {}
  expect(JSON.parse(record(cluster))).toEqual({ keys: keyring && publicKeys(keyring) })
})

test('replicas that start together agree on one set', async () => {
  const cluster = await installed()
  const sources = [0, 0.3, 0.6, 0.9].map((random) => replica(cluster, random))
  await settled(cluster, ...sources)
  const kids = sources.map((source) => source.current()?.signer.kid)
  expect(new Set(kids).size).toBe(1)
  expect(cluster.lines).toEqual([])
})

test('who is second takes the keys of who was first', async () => {
  const cluster = await installed()
  const theirs = JSON.stringify(await storedSet('ES256'))
  cluster.server.intercept(({ verb, path }) => {
    if (verb === 'update' && path === SECRET && content(cluster) === '') store(cluster, theirs)
    return undefined
  })
  const source = replica(cluster)
  await settled(cluster, source)
  expect(content(cluster)).toBe(theirs)
  expect(cluster.lines).toEqual([])
})

test('the next start reads what is there and writes nothing', async () => {
  const cluster = await installed()
  const first = replica(cluster)
  await settled(cluster, first)
  await first.close()
  const before = writes(cluster).length
  const second = replica(cluster)
  await settled(cluster, second)
  expect(second.current()?.keyring).toEqual(first.current()?.keyring)
  expect(writes(cluster).length).toBe(before)
})

test('a record that was not written yet is written by whoever starts next', async () => {
  const cluster = await installed()
  store(cluster, JSON.stringify(await storedSet('ES256')))
  await settled(cluster, replica(cluster))
})

test('nothing private is logged or recorded', async () => {
  const cluster = await installed()
  await settled(cluster, replica(cluster))
  const seen = cluster.lines.join() + record(cluster)
  for (const { d } of JSON.parse(content(cluster)).keys) expect(seen).not.toContain(d)
})

test.each<[string, (cluster: TestCluster) => void | Promise<void>, string]>([
  [
    'emptied while its record is there',
    (cluster) => store(cluster, ''),
    'holds no keys although configmaps/keys-public',
  ],
  [
    'gone',
    ({ server }) => server.remove(SECRET),
    'secrets/keys in namespace identity does not exist; install the chart',
  ],
  ['no JSON', (cluster) => store(cluster, CANARY), 'is not a key set of this issuer: it is not JSON'],
  [
    'a set that the record does not know',
    async (cluster) => store(cluster, JSON.stringify(await storedSet('ES256'))),
    'holds none of the keys that configmaps/keys-public',
  ],
  [
    'a set for another algorithm',
    async (cluster) => {
      cluster.server.put(RECORD, { data: {} })
      store(cluster, JSON.stringify(await storedSet('RS256')))
    },
    'its issuer signs with ES256',
  ],
])('a Secret that is %s is not made again: whoever starts waits and says what to do', async (_name, lose, words) => {
  const cluster = await installed()
  const first = replica(cluster)
  await settled(cluster, first)
  await first.close()
  const whole = content(cluster)
  await lose(cluster)
  const before = writes(cluster).length
  const second = replica(cluster)
  await waiting(second, words)
  expect(cluster.lines.join()).toContain(words)
  expect(cluster.lines.join() + second.unready()).not.toContain('CANARY')
  expect(writes(cluster).length).toBe(before)

  store(cluster, whole)
  await settled(cluster, second)
  expect(second.current()?.keyring).toEqual(first.current()?.keyring)
})

test.each([
  ['missing', ({ server }: TestCluster) => server.remove(RECORD), 'without it no keys are made'],
  ['broken', ({ server }: TestCluster) => void server.put(RECORD, { data: { 'jwks.json': 'x' } }), 'holds no JWK Set'],
])('with a record that is %s nothing is made', async (_name, lose, words) => {
  const cluster = await installed()
  lose(cluster)
  await waiting(replica(cluster), words)
  expect(writes(cluster)).toEqual([])
})

test('who has keys signs on with them when the Secret is emptied, and says so', async () => {
  const cluster = await installed()
  const source = replica(cluster)
  await settled(cluster, source)
  const keys = source.current()
  store(cluster, '')
  await eventually(() => expect(cluster.lines.join()).toContain('holds no keys although'))
  cluster.server.put(RECORD, { data: {} })
  await eventually(() => expect(cluster.lines.join()).toContain('was emptied; this process signs on'))
  expect([source.current(), source.unready()]).toEqual([keys, undefined])
  expect(content(cluster)).toBe('')
})

test('a set that changes and keeps a key is taken, and its record with it', async () => {
  const cluster = await installed()
  const source = replica(cluster)
  await settled(cluster, source)
  const set = JSON.parse(content(cluster))
  const [active, standby] = set.keys
  const swapped = [
    { ...active, state: 'standby' },
    { ...standby, state: 'active' },
  ]
  store(cluster, JSON.stringify({ generation: 2, keys: swapped }))
  await eventually(() => expect(source.current()?.signer.kid).toBe(standby.kid))
  await eventually(() => expect(JSON.parse(record(cluster)).keys[0].kid).toBe(standby.kid))
})

test('an API server that does not take the Secret is asked again, and until then it is said why', async () => {
  const cluster = await installed()
  let isBroken = true
  cluster.server.intercept(({ verb }) =>
    isBroken && verb === 'update' ? { status: 403, body: { message: 'forbidden' } } : undefined,
  )
  const source = replica(cluster)
  await waiting(source, 'cannot be written')
  isBroken = false
  await settled(cluster, source)
})

/** Replicas that keep one CA and one leaf in a Secret, whatever befalls it. */
import { X509Certificate } from 'node:crypto'
import { expect, onTestFinished, test, vi } from 'vitest'
import { bundleIn, CROSS, LEAF, PREVIOUS_ROOT, ROOT, ROOT_KEY } from '../../src/certificate/inspect.ts'
import { configMapPlace, keepPublished } from '../../src/certificate/publish.ts'
import { ownTls, type SecretTlsOptions } from '../../src/certificate/secret.ts'
import type { TlsSource } from '../../src/certificate/source.ts'
import {
  configMaps,
  configMapText,
  type KubernetesObject,
  objectPath,
  secretData,
  secrets,
} from '../../src/kubernetes/object.ts'
import { startCluster, type TestCluster } from '../kubernetes/server.ts'

const SECRET = objectPath(secrets('identity'), 'signer-tls')
const RECORD = objectPath(configMaps('identity'), 'signer-ca')
const DAY = 86_400_000
const NAMES = ['signer.identity.svc']

/** A cluster as the chart leaves it, and a clock that the replicas share. */
async function installed() {
  const cluster = await startCluster()
  cluster.server.put(SECRET, { type: 'Opaque' })
  cluster.server.put(RECORD, {})
  return { ...cluster, clock: { now: Date.now() } }
}

type Installed = TestCluster & { clock: { now: number } }

function replica({ client, log, clock }: Installed, options: Partial<SecretTlsOptions> = {}): TlsSource {
  const deps = { client, log, random: () => 0, now: () => clock.now }
  const whole = {
    namespace: 'identity',
    name: 'signer-tls',
    names: NAMES,
    commonName: 'signer',
    whenLost: 'ask' as const,
  }
  const source = ownTls({ ...whole, ...options }, keepPublished(configMapPlace('identity', 'signer-ca'), deps), deps)
  onTestFinished(() => source.close())
  return source
}

const eventually = (judge: () => void) => vi.waitFor(judge, 8000)
const content = ({ server }: Installed) => secretData(server.read(SECRET) as KubernetesObject)
const published = ({ server }: Installed) => configMapText(server.read(RECORD) as KubernetesObject, 'ca.crt')
const writes = ({ server }: Installed, path: string) =>
  server.calls.filter((call) => call.path === path && !['get', 'watch'].includes(call.verb))
/** Waits until a replica serves what the Secret holds and everybody can verify it. */
const settled = (cluster: Installed, ...replicas: TlsSource[]) =>
  eventually(() => {
    for (const source of replicas) {
      expect(source.unready()).toBeUndefined()
      expect(source.current()?.cert).toBe(content(cluster)[LEAF])
    }
    expect(published(cluster)).toBe(bundleIn(content(cluster)))
  })
/** A change that says nothing, which makes every replica look. */
const touch = (cluster: Installed) =>
  cluster.server.put(SECRET, {
    ...cluster.server.read(SECRET),
    metadata: { annotations: { touched: String(cluster.clock.now) } },
  })

test('an empty Secret is filled, published and served, and the process says what it waits for', async () => {
  const cluster = await installed()
  const source = replica(cluster)
  expect([source.current(), source.unready()]).toEqual([
    undefined,
    'secrets/signer-tls in namespace identity is not read yet',
  ])
  await settled(cluster, source)
  expect(Object.keys(content(cluster)).sort()).toEqual(['ca.crt', 'ca.key', 'tls.crt', 'tls.key'])
  expect(cluster.server.read(SECRET)).toMatchObject({ type: 'Opaque' })
  expect(new X509Certificate(source.current()?.cert ?? '').subjectAltName).toBe('DNS:signer.identity.svc')
})

test('replicas that start together agree on one CA, and write nothing more', async () => {
  const cluster = await installed()
  const replicas = [replica(cluster), replica(cluster), replica(cluster)]
  await settled(cluster, ...replicas)
  const successful = cluster.server.writes(SECRET)
  expect([successful, cluster.server.writes(RECORD)]).toEqual([1, 1])
  const attempts = writes(cluster, RECORD).length
  touch(cluster)
  replica(cluster)
  await settled(cluster, ...replicas)
  expect(cluster.server.writes(SECRET)).toBe(successful)
  expect(writes(cluster, RECORD)).toHaveLength(attempts)
})

test('a leaf is renewed at two thirds of its life, once, and taken by every replica', async () => {
  const cluster = await installed()
  const replicas = [replica(cluster), replica(cluster)]
  await settled(cluster, ...replicas)
  const before = content(cluster)
  const changes: string[] = []
  replicas[0]?.onChange(({ cert }) => changes.push(cert))
  cluster.clock.now += 20 * DAY
  touch(cluster)
  await eventually(() => expect(content(cluster)[LEAF]).not.toBe(before[LEAF]))
  await settled(cluster, ...replicas)
  expect(content(cluster)[ROOT]).toBe(before[ROOT])
  expect(changes).toEqual([content(cluster)[LEAF]])
  expect(cluster.server.writes(SECRET)).toBe(2)
})

test('replicas of two versions with different names come to rest on a leaf for both', async () => {
  const cluster = await installed()
  const old = replica(cluster)
  await settled(cluster, old)
  const next = replica(cluster, { names: ['exchange.identity.svc'] })
  await eventually(() => {
    const { subjectAltName } = new X509Certificate(next.current()?.cert ?? '')
    expect(subjectAltName).toBe('DNS:exchange.identity.svc, DNS:signer.identity.svc')
  })
  await settled(cluster, old, next)
  expect(cluster.server.writes(SECRET)).toBe(2)
})

test('a root is renewed in its last year: both are published until the last leaf of the old one has ended', async () => {
  const cluster = await installed()
  const source = replica(cluster)
  await settled(cluster, source)
  const before = content(cluster)
  cluster.clock.now += 3300 * DAY
  touch(cluster)
  await eventually(() => expect(content(cluster)[PREVIOUS_ROOT]).toBe(before[ROOT]))
  await settled(cluster, source)
  expect(published(cluster)).toBe(`${content(cluster)[ROOT]}${before[ROOT]}`)
  cluster.clock.now += 40 * DAY
  touch(cluster)
  await eventually(() => expect(content(cluster)[PREVIOUS_ROOT]).toBeUndefined())
  await settled(cluster, source)
  expect(published(cluster)).toBe(content(cluster)[ROOT])
  expect(content(cluster)[CROSS]).toBeDefined()
})

test('a Secret that is emptied under a running replica gets back what it held', async () => {
  const cluster = await installed()
  const source = replica(cluster)
  await settled(cluster, source)
  const before = content(cluster)
  cluster.server.put(SECRET, { type: 'Opaque' })
  await eventually(() => expect(content(cluster)).toEqual(before))
  expect(source.current()?.cert).toBe(before[LEAF])
})

test('a Secret that is deleted is told, served from memory, and filled again when it is back', async () => {
  const cluster = await installed()
  const source = replica(cluster)
  await settled(cluster, source)
  const before = content(cluster)
  cluster.server.remove(SECRET)
  await eventually(() =>
    expect(cluster.lines.join('')).toContain('secrets/signer-tls in namespace identity does not exist'),
  )
  expect([source.current()?.cert, source.unready()]).toEqual([before[LEAF], undefined])
  cluster.server.put(SECRET, { type: 'Opaque' })
  await eventually(() => expect(content(cluster)).toEqual(before))
})

test('a Secret that somebody else filled with a good CA is taken as it is', async () => {
  const [other, cluster] = await Promise.all([installed(), installed()])
  await settled(other, replica(other))
  const source = replica(cluster)
  await settled(cluster, source)
  cluster.server.put(SECRET, { ...other.server.read(SECRET), metadata: {} })
  await eventually(() => expect(source.current()?.cert).toBe(content(other)[LEAF]))
  await settled(cluster, source)
})

test('a Secret that does not exist leaves a start waiting and says what to do', async () => {
  const cluster = await installed()
  cluster.server.remove(SECRET)
  const source = replica(cluster)
  await eventually(() =>
    expect(source.unready()).toBe(
      'secrets/signer-tls in namespace identity does not exist; install the chart again, which creates it empty',
    ),
  )
  cluster.server.put(SECRET, {})
  await settled(cluster, source)
})

test('a lost CA that running pods trust is not silently remade: the start waits, says what to do, and obeys', async () => {
  const cluster = await installed()
  const first = replica(cluster)
  await settled(cluster, first)
  const before = content(cluster)
  await first.close()
  cluster.server.put(SECRET, { type: 'Opaque' })
  const source = replica(cluster)
  await eventually(() =>
    expect(source.unready()).toMatch(
      /signer-tls .*holds no usable CA although configmaps\/signer-ca .*restore the Secret/,
    ),
  )
  expect([content(cluster), cluster.server.writes(SECRET)]).toEqual([{}, 1])
  cluster.server.put(RECORD, {})
  await settled(cluster, source)
  expect(content(cluster)[ROOT]).not.toBe(before[ROOT])
})

test('a lost CA whose only reader learns of a new one at once is remade beside the old one', async () => {
  const cluster = await installed()
  const first = replica(cluster)
  await settled(cluster, first)
  const before = content(cluster)
  await first.close()
  cluster.server.put(SECRET, { type: 'Opaque' })
  const source = replica(cluster, { whenLost: 'remake' })
  await settled(cluster, source)
  expect(published(cluster)).toBe(`${content(cluster)[ROOT]}${before[ROOT]}`)
})

test('a CA without its key still serves its leaf while somebody is asked', async () => {
  const cluster = await installed()
  const first = replica(cluster)
  await settled(cluster, first)
  const { [ROOT_KEY]: _key, ...rest } = content(cluster)
  await first.close()
  const data = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  )
  cluster.server.put(SECRET, { data })
  const source = replica(cluster)
  await eventually(() => expect(source.current()?.cert).toBe(rest[LEAF]))
  await eventually(() => expect(cluster.lines.join('')).toContain('holds no usable CA'))
  expect([source.unready(), content(cluster)]).toEqual([undefined, rest])
  cluster.server.put(SECRET, {})
  cluster.server.put(RECORD, {})
  await settled(cluster, source)
})

test('published roots that somebody takes away are back, time and again', async () => {
  const cluster = await installed()
  const replicas = [replica(cluster), replica(cluster)]
  await settled(cluster, ...replicas)
  for (let round = 0; round < 3; round += 1) {
    cluster.server.put(RECORD, { data: { other: 'kept' } })
    await settled(cluster, ...replicas)
    expect(cluster.server.read(RECORD)).toMatchObject({ data: { other: 'kept' } })
  }
})

test('a refused write is told and tried again, and no key is ever logged', async () => {
  const cluster = await installed()
  let isForbidden = true
  cluster.server.intercept(({ verb, path }) =>
    isForbidden && verb === 'update' && path === SECRET
      ? { status: 403, body: { message: 'no rule for you' } }
      : undefined,
  )
  const source = replica(cluster)
  await eventually(() =>
    expect(source.unready()).toContain('secrets/signer-tls in namespace identity cannot be written'),
  )
  isForbidden = false
  touch(cluster)
  await settled(cluster, source)
  expect(cluster.lines.join('')).toContain('no rule for you')
  expect(cluster.lines.join('')).not.toContain('PRIVATE KEY')
})

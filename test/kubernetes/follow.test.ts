/** Following what the API server keeps, through everything that ends a watch. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { follow } from '../../src/kubernetes/follow.ts'
import { AUDIENCE_POLICIES, type KubernetesObject, objectPath, secrets } from '../../src/kubernetes/object.ts'
import { startCluster, type TestCluster } from './server.ts'

const SECRETS = secrets('identity')
const ONE = objectPath(SECRETS, 'mine')
const OTHER = objectPath(SECRETS, 'other')

/** What was seen, each time, as `name=value`. */
function record(cluster: TestCluster, target: Parameters<typeof follow>[0]) {
  const seen: string[] = []
  const say = (object: KubernetesObject) => `${object.metadata.name}=${(object['data'] as { a: string }).a}`
  const following = follow(target, (objects) => seen.push(objects.map(say).join()), {
    client: cluster.client,
    log: cluster.log,
    random: () => 0,
  })
  onTestFinished(() => following.close())
  const sees = (...expected: string[]) => vi.waitFor(() => expect(seen).toEqual(expected), 5000)
  return { following, seen, sees }
}

test('one object is followed by its name alone: first reading, changes, end and return', async () => {
  const cluster = await startCluster()
  cluster.server.put(ONE, { data: { a: '1' } })
  const { sees, following } = record(cluster, { collection: SECRETS, name: 'mine' })
  expect(following.unready()).toBe('secrets/mine in namespace identity is not read yet')
  await sees('mine=1')
  expect(following.unready()).toBeUndefined()
  cluster.server.put(OTHER, { data: { a: 'x' } })
  cluster.server.put(ONE, { data: { a: '2' } })
  await sees('mine=1', 'mine=2')
  cluster.server.remove(ONE)
  await sees('mine=1', 'mine=2', '')
  cluster.server.put(ONE, { data: { a: '3' } })
  await sees('mine=1', 'mine=2', '', 'mine=3')
  expect(new Set(cluster.server.calls.map(({ verb }) => verb))).toEqual(new Set(['watch', 'get']))
})

test('an object that is not there is a reading too', async () => {
  const cluster = await startCluster()
  const { sees, following } = record(cluster, { collection: SECRETS, name: 'mine' })
  await sees('')
  expect(following.unready()).toBeUndefined()
})

test('what changes while no watch is open is found when the next one is', async () => {
  const cluster = await startCluster()
  cluster.server.put(ONE, { data: { a: '1' } })
  const { sees } = record(cluster, { collection: SECRETS, name: 'mine' })
  await sees('mine=1')
  let isDown = true
  cluster.server.intercept(() => (isDown ? { status: 500, body: {} } : undefined))
  cluster.server.endWatches()
  await vi.waitFor(() =>
    expect(cluster.lines.join('')).toContain('secrets/mine in namespace identity cannot be followed'),
  )
  cluster.server.remove(ONE)
  isDown = false
  await sees('mine=1', '')
})

test('a reading that is refused says so and is tried again', async () => {
  const cluster = await startCluster()
  let isForbidden = true
  cluster.server.intercept(() => (isForbidden ? { status: 403, body: { message: 'no rule for you' } } : undefined))
  const { sees, following } = record(cluster, { collection: SECRETS, name: 'mine' })
  await vi.waitFor(() => expect(following.unready()).toMatch(/cannot be read: .*403/))
  isForbidden = false
  await sees('')
  expect(following.unready()).toBeUndefined()
})

test('a collection is listed once and then watched, across ended watches, without being listed again', async () => {
  const cluster = await startCluster()
  const path = (name: string) => objectPath(AUDIENCE_POLICIES, name)
  cluster.server.put(path('b'), { data: { a: '1' } })
  cluster.server.put(path('a'), { data: { a: '1' } })
  const { sees } = record(cluster, { collection: AUDIENCE_POLICIES })
  await sees('a=1,b=1')
  cluster.server.endWatches()
  cluster.server.put(path('b'), { data: { a: '2' } })
  await sees('a=1,b=1', 'a=1,b=2')
  cluster.server.remove(path('a'))
  await sees('a=1,b=1', 'a=1,b=2', 'b=2')
  expect(cluster.server.calls.filter(({ verb }) => verb === 'list')).toHaveLength(1)
})

test('a version that the API server has forgotten means listing again', async () => {
  const cluster = await startCluster()
  const path = (name: string) => objectPath(AUDIENCE_POLICIES, name)
  cluster.server.put(path('a'), { data: { a: '1' } })
  const { sees } = record(cluster, { collection: AUDIENCE_POLICIES })
  await sees('a=1')
  let isDown = true
  cluster.server.intercept(() => (isDown ? { status: 503, body: {} } : undefined))
  cluster.server.endWatches()
  cluster.server.remove(path('a'))
  cluster.server.put(path('b'), { data: { a: '1' } })
  cluster.server.forget()
  isDown = false
  await sees('a=1', 'b=1')
  expect(cluster.server.calls.filter(({ verb }) => verb === 'list')).toHaveLength(2)
})

test('closing ends the watch, and nothing is asked after that', async () => {
  const cluster = await startCluster()
  const { sees, following } = record(cluster, { collection: SECRETS, name: 'mine' })
  await sees('')
  await following.close()
  const count = cluster.server.calls.length
  cluster.server.put(ONE, { data: { a: '1' } })
  await vi.waitFor(() => expect(cluster.server.openWatches()).toBe(0))
  expect(cluster.server.calls).toHaveLength(count)
  await sees('')
})

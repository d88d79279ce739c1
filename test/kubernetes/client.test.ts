/** What the API server says, and what becomes of what it does not say. */
import { writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { connect, isConflict, isNotFound, KubernetesError } from '../../src/kubernetes/client.ts'
import { configMaps, objectPath, TOKEN_REVIEWS } from '../../src/kubernetes/object.ts'
import { startCluster } from './server.ts'

const PATH = objectPath(configMaps('identity'), 'roots')

test('what is read can be replaced, and members that nobody here knows survive', async () => {
  const { server, client } = await startCluster()
  server.put(PATH, { data: { a: '1' }, invented: { deeply: true } })
  const object = await client.get(PATH)
  const written = await client.replace(PATH, { ...object, data: { a: '2' } })
  expect(written.metadata.resourceVersion).not.toBe(object.metadata.resourceVersion)
  expect(server.read(PATH)).toMatchObject({ data: { a: '2' }, invented: { deeply: true } })
  expect(server.calls[0]?.authorization).toBe('Bearer service-account')
})

test('who writes what somebody else has changed since is told of a conflict', async () => {
  const { server, client } = await startCluster()
  server.put(PATH, { data: { a: '1' } })
  const object = await client.get(PATH)
  server.put(PATH, { data: { a: 'theirs' } })
  const error = await client.replace(PATH, { ...object, data: { a: 'ours' } }).catch((caught) => caught)
  expect([isConflict(error), isNotFound(error), error.reason]).toEqual([true, false, 'Conflict'])
  expect(server.read(PATH)).toMatchObject({ data: { a: 'theirs' } })
})

test.each([
  ['application/json-patch+json' as const, [{ op: 'add', path: '/data/b', value: '2' }]],
  ['application/merge-patch+json' as const, { data: { b: '2' } }],
])('%s changes what it names', async (type, patch) => {
  const { server, client } = await startCluster()
  server.put(PATH, { data: { a: '1' } })
  expect(await client.patch(PATH, patch, type)).toMatchObject({ data: { a: '1', b: '2' } })
})

test('an absent object, a refusal and a busy server are told apart', async () => {
  const { server, client } = await startCluster()
  expect(isNotFound(await client.get(PATH).catch((caught) => caught))).toBe(true)
  server.intercept(({ path }) =>
    path === TOKEN_REVIEWS
      ? { status: 429, body: { message: 'slow down' }, headers: { 'retry-after': '7' } }
      : undefined,
  )
  await expect(client.create(TOKEN_REVIEWS, {})).rejects.toMatchObject({
    status: 429,
    retryAfterSeconds: 7,
    message: `POST ${TOKEN_REVIEWS}: 429 slow down`,
  })
  server.intercept(() => ({ status: 403, body: { message: 'forbidden', reason: 'Forbidden' } }))
  await expect(client.get(PATH)).rejects.toMatchObject({ status: 403, reason: 'Forbidden' })
})

test('a server that is gone is an error without a status that names the fault', async () => {
  const { server, client } = await startCluster()
  await server.close()
  const error = await client.get(PATH).catch((caught) => caught)
  expect(error).toBeInstanceOf(KubernetesError)
  expect([error.status, error.message]).toEqual([undefined, expect.stringContaining('ECONNREFUSED')])
})

test('requests use connections again', async () => {
  const { server, client } = await startCluster()
  server.put(PATH, {})
  for (let index = 0; index < 20; index += 1) await client.get(PATH)
  expect(server.connections()).toBeLessThanOrEqual(2)
})

test('outside a cluster, and with a kubeconfig that says nothing, it is said what to set', async () => {
  const { kubeconfig } = await startCluster()
  await writeFile(kubeconfig, '{}')
  const message = expect.stringContaining('TOKEN_PROJECTOR_KUBECONFIG')
  await expect(connect()).rejects.toMatchObject({ exitCode: 78, message })
  await expect(connect(kubeconfig)).rejects.toMatchObject({ exitCode: 78, message })
  await expect(connect(`${kubeconfig}-gone`)).rejects.toMatchObject({ exitCode: 78, message })
})

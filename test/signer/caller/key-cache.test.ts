/** When a cluster's keys are fetched, kept and given up. */
import { expect, test } from 'vitest'
import { createKeyCache, URL_POLICY } from '../../../src/signer/caller/key-cache.ts'

const ec = (kid: string) => ({ kty: 'EC', kid, crv: 'P-256', x: 'x', y: 'y' })

/** A cluster whose keys, health and clock the test sets. */
function cluster(kids: string[]) {
  const state = { kids, isDown: false, now: 1_000_000_000_000, fetches: 0, failures: [] as unknown[] }
  const cache = createKeyCache({
    policy: URL_POLICY,
    now: () => state.now,
    onFailure: (error) => state.failures.push(error),
    async load() {
      state.fetches += 1
      if (state.isDown) throw new Error('down')
      return JSON.stringify({ keys: state.kids.map(ec) })
    },
  })
  return { state, cache }
}

const SECOND = 1000
const MINUTE = 60 * SECOND

test('known keys are fetched once in ten minutes', async () => {
  const { state, cache } = cluster(['one'])
  await cache.find('one')
  state.now += 10 * MINUTE - 1
  await cache.find('one')
  expect(state.fetches).toBe(1)
  state.now += 1
  await cache.find('one')
  expect(state.fetches).toBe(2)
})

test('callers that wait at once share one fetch', async () => {
  const { state, cache } = cluster(['one'])
  await Promise.all([cache.find('one'), cache.find('one'), cache.find('two')])
  expect(state.fetches).toBe(1)
})

test('an unknown key is looked for at once, but not again and again', async () => {
  const { state, cache } = cluster(['one'])
  await cache.find('one')
  state.now += 31 * SECOND
  state.kids = ['one', 'two']
  expect(await cache.find('two')).toMatchObject({ jwk: { kid: 'two' } })
  state.now += 1
  for (let attempt = 0; attempt < 50; attempt += 1) expect(await cache.find('three')).toBe('unsure')
  expect(state.fetches).toBe(2)
})

test('a key that the cluster publishes while it is not asked again is no final no', async () => {
  const { state, cache } = cluster(['one'])
  await cache.find('garbage')
  state.kids = ['one', 'two']
  state.now += SECOND
  expect(await cache.find('two')).toBe('unsure')
  state.now += 30 * SECOND
  expect(await cache.find('two')).toMatchObject({ jwk: { kid: 'two' } })
  state.now += 31 * SECOND
  expect(await cache.find('garbage')).toBe('unknown')
})

test('a key that is gone from the cluster is gone here', async () => {
  const { state, cache } = cluster(['one', 'two'])
  await cache.find('two')
  state.kids = ['one']
  state.now += 10 * MINUTE
  expect(await cache.find('two')).toBe('unknown')
})

test('keys outlive an outage for an hour, asked for every thirty seconds', async () => {
  const { state, cache } = cluster(['one'])
  await cache.find('one')
  state.isDown = true
  for (let elapsed = 10; elapsed < 3600; elapsed += 10) {
    state.now += 10 * SECOND
    expect(await cache.find('one')).toMatchObject({ alg: 'ES256' })
  }
  expect(state.fetches).toBeLessThanOrEqual(102)
  expect(state.failures.length).toBe(state.fetches - 1)
  state.now += 10 * SECOND
  expect(await cache.find('one')).toBe('unavailable')
  state.isDown = false
  state.now += 30 * SECOND
  expect(await cache.find('one')).toMatchObject({ alg: 'ES256' })
})

test('in an outage a key that is not known may yet be a good one', async () => {
  const { state, cache } = cluster(['one'])
  await cache.find('one')
  state.isDown = true
  state.now += MINUTE
  expect(await cache.find('two')).toBe('unavailable')
  expect(await cache.find('two')).toBe('unavailable')
})

test('what is not a key set is a failure and keeps the old keys', async () => {
  const { state, cache } = cluster(['one'])
  await cache.find('one')
  state.kids = []
  state.now += 10 * MINUTE
  expect(await cache.find('one')).toMatchObject({ alg: 'ES256' })
  expect(state.failures).toEqual([expect.objectContaining({ message: expect.stringContaining('not a JWK Set') })])
})

test('a clock that is set back does not freeze the keys', async () => {
  const { state, cache } = cluster(['one'])
  await cache.find('one')
  state.now -= 86_400 * SECOND
  state.kids = ['two']
  expect(await cache.find('two')).toMatchObject({ alg: 'ES256' })
})

test('before there is any key, the cluster is asked again every second', async () => {
  const { state, cache } = cluster(['one'])
  state.isDown = true
  expect(await cache.find('one')).toBe('unavailable')
  state.isDown = false
  expect(await cache.find('one')).toBe('unavailable')
  state.now += SECOND
  expect(await cache.find('one')).toMatchObject({ jwk: { kid: 'one' } })
})

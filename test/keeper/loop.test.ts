/** How the keeper behaves as hours pass, in simulated time. */
import { expect, test } from 'vitest'
import { ProjectorError } from '../../src/errors.ts'
import { createWorld, down, issued, no } from './simulation.ts'
import { makeToken } from './tokens.ts'

const times = (world: ReturnType<typeof createWorld>) => world.calls.map(({ at }) => at)

test('a token is fetched at once, renewed at 37.5 % of its life the first time and at half of it from then on', async () => {
  const world = createWorld()
  world.start(['vault'])
  await world.pass(2 * 3600)
  expect(times(world)).toEqual([0, 1350, 3150, 4950, 6750])
  expect(world.folder.get('vault')?.text).toBe('token for vault')
})

test('life is counted from the question and not from the answer', async () => {
  const world = createWorld()
  world.signer = async (audience) => {
    await world.later(8)
    return issued(audience)
  }
  const keeper = world.start(['vault'])
  await world.pass(10)
  expect(keeper.tokens()[0]).toMatchObject({ isThere: true, lifeMs: 3_600_000, lifeLeftMs: 3_590_000 })
})

test('a node whose clock is years off keeps its tokens all the same', async () => {
  const world = createWorld()
  world.setWall(-10 * 365 * 86_400)
  const keeper = world.start(['vault'])
  await world.pass(1400)
  expect(times(world)).toEqual([0, 1350])
  expect(keeper.tokens()[0]?.lifeLeftMs).toBe(3_550_000)
})

test('while the signer is down the old token stays, attempts go on, and the first answer ends it', async () => {
  const world = createWorld()
  const keeper = world.start(['vault'])
  await world.pass(1000)
  world.signer = () => down
  await world.pass(1800)
  expect(world.folder.has('vault')).toBe(true)
  expect(keeper.tokens()[0]).toMatchObject({ isThere: true, failure: { failed: 'signer-unreachable' } })
  const pauses = times(world)
    .slice(1)
    .map((at, index, all) => at - (all[index - 1] ?? at))
  expect(Math.max(...pauses)).toBeLessThanOrEqual(60)
  world.signer = (audience) => issued(audience)
  await world.pass(60)
  expect(keeper.tokens()[0]).toMatchObject({ failure: undefined })
})

test('a refusal is asked again within a minute, so that a new policy arrives without a restart', async () => {
  const world = createWorld()
  world.signer = () => no
  const keeper = world.start(['vault'])
  await world.pass(100)
  expect(times(world)).toEqual([0, 45, 90])
  world.signer = (audience) => issued(audience)
  await world.pass(60)
  expect(keeper.tokens()[0]?.isThere).toBe(true)
})

test('a wish to renew is done at once for every token', async () => {
  const world = createWorld()
  const keeper = world.start(['vault', 'aws'])
  await world.pass(10)
  keeper.renewNow()
  await world.pass(1)
  expect(world.calls.map(({ at, audience }) => [at, audience])).toEqual([
    [0, 'vault'],
    [0, 'aws'],
    [10, 'vault'],
    [10, 'aws'],
  ])
})

test('a wish to renew during an attempt leads to one more after it, and never to two at a time', async () => {
  const world = createWorld()
  let open = 0
  let most = 0
  world.signer = async (audience) => {
    open += 1
    most = Math.max(most, open)
    await world.later(5)
    open -= 1
    return issued(audience)
  }
  const keeper = world.start(['vault'])
  await world.pass(1)
  keeper.renewNow()
  keeper.renewNow()
  await world.pass(60)
  expect(times(world)).toEqual([0, 5])
  expect(most).toBe(1)
})

test.each([
  ['the clock is set forward', (world: ReturnType<typeof createWorld>) => world.setWall(3600), 3600],
  ['the clock is set back', (world: ReturnType<typeof createWorld>) => world.setWall(-3600), -3600],
  ['the machine slept', (world: ReturnType<typeof createWorld>) => world.sleepMachine(9 * 3600), 9 * 3600],
])('when %s, every token is renewed within fifteen seconds', async (_what, leap, seconds) => {
  const world = createWorld()
  world.start(['vault', 'aws'])
  await world.pass(100)
  leap(world)
  await world.pass(16)
  expect(world.calls.slice(2).map(({ audience }) => audience)).toEqual(['vault', 'aws'])
  expect(Math.max(...times(world))).toBeLessThanOrEqual(115)
  expect(world.reports).toContainEqual({ kind: 'leapt', byMs: seconds * 1000 })
})

test('time that the machine slept counts against a token that cannot be renewed', async () => {
  const world = createWorld()
  const keeper = world.start(['vault'])
  await world.pass(100)
  world.signer = () => down
  world.sleepMachine(3600)
  await world.pass(15)
  expect(keeper.tokens()[0]?.lifeLeftMs).toBeLessThan(0)
})

test('a clock that is set back gives no token a longer life', async () => {
  const world = createWorld()
  const keeper = world.start(['vault'])
  await world.pass(90)
  world.signer = () => down
  world.setWall(-86_400)
  await world.pass(30)
  expect(keeper.tokens()[0]?.lifeLeftMs).toBe(3_480_000)
})

test('the identity token is read anew for every request', async () => {
  const world = createWorld()
  const keeper = world.start(['vault'])
  await world.pass(1)
  world.identity = 'identity-2'
  keeper.renewNow()
  await world.pass(1)
  expect(world.calls.map(({ identity }) => identity)).toEqual(['identity-1', 'identity-2'])
})

test('tokens are independent: one that hangs and one that is refused hold up nobody', async () => {
  const world = createWorld()
  world.signer = async (audience) => {
    if (audience === 'hangs') await world.later(100_000)
    return audience === 'refused' ? no : issued(audience)
  }
  const keeper = world.start(['hangs', 'refused', 'vault'])
  await world.pass(2000)
  expect(keeper.tokens().map(({ name, isThere }) => [name, isThere])).toEqual([
    ['hangs', false],
    ['refused', false],
    ['vault', true],
  ])
  const asked = Object.groupBy(world.calls, ({ audience }) => audience)
  expect([asked.hangs?.length, asked.vault?.length]).toEqual([1, 2])
})

test('a token found in its file is there from the start and renewed at once', async () => {
  const world = createWorld()
  const text = makeToken({ issuedAt: 1_799_999_000 })
  world.folder.set('vault', { text, writtenAt: world.now() - 1_000_000 })
  world.signer = () => down
  const keeper = world.start(['vault'])
  expect(keeper.tokens()[0]).toMatchObject({ isThere: true, lifeLeftMs: 2_600_000, expiresAt: 1_800_002_600 })
  await world.pass(0)
  expect(times(world)).toEqual([0])
  expect(world.folder.get('vault')?.text).toBe(text)
})

test.each([
  ['a dead token', makeToken({ issuedAt: 1_799_990_000 }), 3_600_001],
  ["another audience's token", makeToken({ audience: 'aws' }), 0],
  ['half a token', makeToken().slice(0, 50), 0],
])('%s in the file counts for nothing', (_what, text, ageMs) => {
  const world = createWorld()
  world.folder.set('vault', { text, writtenAt: world.now() - ageMs })
  expect(world.start(['vault']).tokens()[0]).toMatchObject({ isThere: false, expiresAt: undefined })
})

test('a file that cannot be written is a failure, the attempt is repeated and the old token stays', async () => {
  const world = createWorld()
  const keeper = world.start(['vault'])
  await world.pass(10)
  world.signer = (audience) => ({ ...issued(audience), token: 'the new one' })
  world.beforeWrite = () => {
    throw new ProjectorError('token-file-unwritable', 'the volume is full')
  }
  keeper.renewNow()
  await world.pass(10)
  expect(keeper.tokens()[0]).toMatchObject({ isThere: true, failure: { failed: 'token-file-unwritable' } })
  expect(world.folder.get('vault')?.text).toBe('token for vault')
  world.beforeWrite = () => undefined
  await world.pass(60)
  expect(world.folder.get('vault')?.text).toBe('the new one')
})

test('nothing is asked for before what must be in place is', async () => {
  const world = createWorld()
  world.prepare = () => {
    throw new ProjectorError('token-file-unwritable', 'no provider file')
  }
  const keeper = world.start(['vault'])
  await world.pass(3)
  expect([world.calls.length, keeper.tokens()[0]?.failure?.message]).toEqual([0, 'no provider file'])
  world.prepare = () => undefined
  await world.pass(60)
  expect(keeper.tokens()[0]?.isThere).toBe(true)
})

test('a surprise is our fault, reported, and no reason to give up', async () => {
  const world = createWorld()
  world.signer = () => {
    throw new TypeError('a mistake of ours')
  }
  const keeper = world.start(['vault'])
  await world.pass(1)
  expect(keeper.tokens()[0]?.failure).toMatchObject({ failed: 'internal', message: 'a mistake of ours' })
  world.signer = (audience) => issued(audience)
  await world.pass(60)
  expect(keeper.tokens()[0]?.isThere).toBe(true)
})

test('a new generation of keys, seen on one token, renews the others at once', async () => {
  const world = createWorld()
  world.signer = (audience) => issued(audience, { generation: 3 })
  // The second token is due much later than the first.
  let turn = 0
  world.random = () => [0, 0.9][turn++ % 2] ?? 0
  world.start(['vault', { name: 'aws', audience: 'aws', ttlSeconds: 3600 }])
  await world.pass(300)
  const before = world.calls.length
  world.signer = (audience) => issued(audience, { generation: 4 })
  await world.pass(1300)
  const after = world.calls.slice(before)
  expect(after.length).toBeGreaterThanOrEqual(2)
  expect(new Set(after.slice(0, 2).map(({ audience }) => audience)).size).toBe(2)
  expect((after[1]?.at ?? 0) - (after[0]?.at ?? 0)).toBeLessThan(1)
  expect(world.reports).toContainEqual({ kind: 'generation', generation: 4 })
})

test('told to stop while idle it is done at once and asks no more', async () => {
  const world = createWorld()
  const keeper = world.start(['vault'])
  await world.pass(1)
  world.stop.abort()
  await keeper.done
  await world.pass(10_000)
  expect(world.calls.length).toBe(1)
})

test('told to stop during an attempt it finishes the write first', async () => {
  const world = createWorld()
  world.signer = async (audience) => {
    await world.later(3)
    return issued(audience)
  }
  const keeper = world.start(['vault'])
  let isDone = false
  const done = keeper.done.then(() => {
    isDone = true
  })
  await world.pass(1)
  world.stop.abort()
  await world.pass(1)
  expect(isDone).toBe(false)
  await world.pass(2)
  await done
  expect(world.folder.has('vault')).toBe(true)
})

test('an attempt that a stop cut short does not hide why the one before failed', async () => {
  const world = createWorld()
  world.signer = (_audience, call) => (call === 1 ? no : world.later(5).then(() => down))
  const keeper = world.start(['vault'])
  await world.pass(46)
  world.stop.abort()
  await world.pass(10)
  await keeper.done
  expect(keeper.tokens()[0]?.failure?.failed).toBe('signer-refused')
})

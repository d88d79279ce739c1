/** The rotation's table of states and events, its laws, and its promise to readers. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Asking,
  advance,
  type Held,
  isDue,
  type Rotation,
  type RotationEvent,
  startRotation,
  type Waiting,
} from '../../src/keeper/rotation.ts'

const NOW = 1_000_000
const HOUR_MS = 3_600_000
const held: Held = { askedAt: NOW - HOUR_MS / 2, expiresAt: NOW + HOUR_MS / 2, generation: 1 }
const waiting: Waiting = { phase: 'waiting', dueAt: NOW + 9000, held, failures: 0, wasIssued: true, newest: 1 }
const asking: Asking = { phase: 'asking', again: false, held, failures: 2, wasIssued: true, newest: 1 }
const fresh: Held = { askedAt: NOW - 1000, expiresAt: NOW - 1000 + HOUR_MS, generation: 1 }

const step = (rotation: Rotation, event: RotationEvent, random = 0.5) => advance(rotation, event, NOW, random)

test('without a token the first attempt is due at the start', () => {
  expect(startRotation(undefined, NOW)).toMatchObject({ phase: 'waiting', dueAt: NOW, held: undefined })
})

test('a token that was found stays and is renewed at once', () => {
  expect(startRotation(held, NOW)).toMatchObject({ phase: 'waiting', dueAt: NOW, held })
})

test.each<[string, RotationEvent, Partial<Rotation>]>([
  ['an attempt begins', { kind: 'begun' }, { phase: 'asking', again: false, held }],
  ['somebody wants it renewed', { kind: 'renew' }, { phase: 'waiting', dueAt: NOW }],
  ['the clock leapt', { kind: 'leapt' }, { phase: 'waiting', dueAt: NOW }],
  ['its generation is named', { kind: 'generation', generation: 1 }, { dueAt: waiting.dueAt }],
  ['an older generation is named', { kind: 'generation', generation: 0 }, { dueAt: waiting.dueAt, newest: 1 }],
  ['a newer generation is named', { kind: 'generation', generation: 2 }, { dueAt: NOW, newest: 2 }],
  ['a stray answer comes', { kind: 'issued', held: fresh }, { phase: 'waiting', dueAt: waiting.dueAt, held }],
  [
    'a stray failure comes',
    { kind: 'failed', refused: false },
    { phase: 'waiting', dueAt: waiting.dueAt, failures: 0 },
  ],
])('while it waits: %s', (_what, event, expected) => {
  expect(step(waiting, event)).toMatchObject(expected)
})

test.each<[string, RotationEvent, Partial<Waiting> | Partial<Asking>]>([
  ['another attempt cannot begin', { kind: 'begun' }, asking],
  [
    'a token is issued',
    { kind: 'issued', held: fresh },
    { phase: 'waiting', held: fresh, failures: 0, dueAt: fresh.askedAt + HOUR_MS / 2 },
  ],
  [
    'a failure backs off',
    { kind: 'failed', refused: false },
    { phase: 'waiting', held, failures: 3, dueAt: NOW + 2000 },
  ],
  ['Retry-After is obeyed', { kind: 'failed', refused: false, retryAfterMs: 60_000 }, { dueAt: NOW + 62_500 }],
  ['a refusal waits longer', { kind: 'failed', refused: true }, { phase: 'waiting', held, dueAt: NOW + 45_000 }],
  ['somebody wants it renewed', { kind: 'renew' }, { phase: 'asking', again: true }],
  ['the clock leapt', { kind: 'leapt' }, { phase: 'asking', again: true }],
  ['a newer generation is noted', { kind: 'generation', generation: 2 }, { phase: 'asking', again: false, newest: 2 }],
  [
    'an answer of an older generation is renewed soon, but not at once',
    { kind: 'issued', held: { ...fresh, generation: 0 } },
    { phase: 'waiting', dueAt: NOW + 45_000 },
  ],
])('while it asks: %s', (_what, event, expected) => {
  expect(step(asking, event)).toMatchObject(expected)
})

test.each<[string, RotationEvent]>([
  ['issued', { kind: 'issued', held: fresh }],
  ['failed', { kind: 'failed', refused: false }],
  ['refused', { kind: 'failed', refused: true }],
])('what was wanted during an attempt is done when that is over: %s', (_what, event) => {
  const next = step({ ...asking, again: true }, event)
  expect(isDue(next, NOW)).toBe(true)
})

test('the first token of a process is renewed at 25 to 50 % of its life', () => {
  const first = { ...asking, wasIssued: false }
  for (const [random, share] of [
    [0, 0.25],
    [1, 0.5],
  ] as const) {
    expect(step(first, { kind: 'issued', held: fresh }, random)).toMatchObject({
      dueAt: fresh.askedAt + share * HOUR_MS,
    })
  }
})

/** Uniform: fast-check's doubles are uniform over their bits, and so nearly always next to zero. */
const chance = fc.nat({ max: 999_999 }).map((millionths) => millionths / 1e6)
const anyEvent: fc.Arbitrary<{
  kind: RotationEvent['kind']
  passMs: number
  number: number
  flag: boolean
  chance: number
}> = fc.record({
  kind: fc.constantFrom('begun', 'begun', 'begun', 'issued', 'issued', 'failed', 'renew', 'leapt', 'generation'),
  passMs: fc.integer({ min: 0, max: 2 * HOUR_MS }),
  number: fc.integer({ min: 1, max: 90_000 }),
  flag: fc.boolean(),
  chance,
})

test('whatever happens in whatever order, its laws hold', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(anyEvent, { maxLength: 40 }), (found, events) => {
      let now = NOW
      let rotation = startRotation(found ? held : undefined, now)
      for (const one of events) {
        now += one.passMs
        const event = eventOf(one, now)
        const next = advance(rotation, event, now, one.chance)
        expectLaws(rotation, event, next, now)
        rotation = next
      }
    }),
    { numRuns: 2000 },
  )
})

function eventOf(one: { kind: RotationEvent['kind']; number: number; flag: boolean }, now: number): RotationEvent {
  switch (one.kind) {
    case 'issued': {
      const askedAt = now - Math.min(one.number, 10_000)
      return { kind: 'issued', held: { askedAt, expiresAt: askedAt + one.number * 1000, generation: one.number % 5 } }
    }
    case 'failed':
      return { kind: 'failed', refused: one.flag, retryAfterMs: one.number % 2 === 0 ? one.number * 1000 : undefined }
    case 'generation':
      return { kind: 'generation', generation: one.number % 7 }
    default:
      return { kind: one.kind }
  }
}

/** A second, simpler telling of the machine: what each answer may and must do. */
function expectLaws(before: Rotation, event: RotationEvent, after: Rotation, now: number): void {
  // A token is never dropped, and only an answer that was asked for replaces it.
  const isAnswer = before.phase === 'asking' && event.kind === 'issued'
  expect(after.held).toBe(isAnswer ? event.held : before.held)
  // Phases change where they should and nowhere else.
  const ends = before.phase === 'asking' && (event.kind === 'issued' || event.kind === 'failed')
  const begins = before.phase === 'waiting' && event.kind === 'begun'
  expect(after.phase).toBe(ends ? 'waiting' : begins ? 'asking' : before.phase)
  expect(after.newest).toBeGreaterThanOrEqual(before.newest)
  if (event.kind === 'renew' || event.kind === 'leapt') {
    expect(after.phase === 'asking' ? after.again : after.dueAt <= now).toBe(true)
  }
  if (after.phase === 'asking' || !ends) return
  expect(after.dueAt).toBeGreaterThanOrEqual(now)
  if (event.kind === 'failed') expect(after.dueAt).toBeLessThanOrEqual(now + 65_000)
  if (event.kind === 'issued') {
    const life = Math.min(event.held.expiresAt - event.held.askedAt, 2 * HOUR_MS)
    expect(after.dueAt).toBeLessThanOrEqual(Math.max(now, event.held.askedAt + 0.55 * life + 1e-6))
  }
}

/** What a signer that does not answer does instead, and how long each takes. */
const trouble = fc.oneof(
  fc.record({
    ms: fc.integer({ min: 0, max: 10_000 }),
    event: fc.constant({ kind: 'failed', refused: false } as const),
  }),
  fc.record({ ms: fc.constant(10_000), event: fc.constant({ kind: 'failed', refused: false } as const) }),
  fc.record({
    ms: fc.integer({ min: 0, max: 10_000 }),
    event: fc.constant({ kind: 'failed', refused: true } as const),
  }),
  fc.record({
    ms: fc.integer({ min: 0, max: 10_000 }),
    event: fc
      .integer({ min: 0, max: 3600 })
      .map((s) => ({ kind: 'failed', refused: false, retryAfterMs: s * 1000 }) as const),
  }),
)

test('the promise: ninety seconds of an answering signer between 55 % of a life and its end are enough', () => {
  const outage = fc.record({
    lifeSeconds: fc.integer({ min: 200, max: 86_400 }),
    isFirst: fc.boolean(),
    windowAt: fc.nat({ max: 1000 }).map((thousandths) => thousandths / 1000),
    troubles: fc.array(trouble, { minLength: 1, maxLength: 8 }),
    // A generator that says zero for ever would ask without a pause; ours says something else now and then.
    chances: fc.array(chance, { maxLength: 8 }).map((some) => [...some, 0.5]),
    answerMs: fc.integer({ min: 0, max: 10_000 }),
    timerLagMs: fc.integer({ min: 0, max: 1000 }),
    poked: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
  })
  fc.assert(
    fc.property(outage, (one) => {
      const lifeMs = one.lifeSeconds * 1000
      const from = 0.55 * lifeMs + one.windowAt * (0.45 * lifeMs - 90_000)
      expect(renewedAt(one, from, from + 90_000)).toBeLessThanOrEqual(from + 90_000)
    }),
    { numRuns: 3000 },
  )
})

interface Outage {
  lifeSeconds: number
  isFirst: boolean
  troubles: { ms: number; event: RotationEvent }[]
  chances: number[]
  answerMs: number
  timerLagMs: number
  poked: number | undefined
}

/** Plays one token's life from its issue; the signer answers only what is asked between `from` and `to`. */
function renewedAt(outage: Outage, from: number, to: number): number {
  let turn = 0
  const random = () => outage.chances[turn % outage.chances.length] ?? 0
  const first = { askedAt: 0, expiresAt: outage.lifeSeconds * 1000, generation: undefined }
  let rotation: Rotation = { ...asking, held: undefined, failures: 0, wasIssued: !outage.isFirst }
  rotation = advance(rotation, { kind: 'issued', held: first }, 0, random())
  for (let now = 0; now <= to; ) {
    if (rotation.phase !== 'waiting') throw new Error('an attempt was left open')
    turn += 1
    now = Math.max(now, rotation.dueAt) + outage.timerLagMs
    rotation = advance(rotation, { kind: 'begun' }, now, random())
    if (now >= from && now + outage.answerMs <= to) return now + outage.answerMs
    const bad = outage.troubles[turn % outage.troubles.length]
    if (bad === undefined) throw new Error('no trouble')
    if (turn === outage.poked) rotation = advance(rotation, { kind: 'renew' }, now, random())
    now += bad.ms
    rotation = advance(rotation, bad.event, now, random())
  }
  return Number.POSITIVE_INFINITY
}

/** How long the keeper waits. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backoffMs, refusedDelayMs, renewalDelayMs, retryAfterMs } from '../../src/keeper/delays.ts'

const HOUR_MS = 3_600_000
const random = () => fc.nat({ max: 999_999 }).map((millionths) => millionths / 1e6)

test.each([
  ['an hour, no jitter', 1, false, 0.5, 0.5],
  ['an hour, earliest', 1, false, 0, 0.45],
  ['an hour, latest', 1, false, 1, 0.55],
  ['an hour, first, earliest', 1, true, 0, 0.25],
  ['an hour, first, latest', 1, true, 1, 0.5],
  ['two hours', 2, false, 0.5, 1],
  ['a day: each hour', 24, false, 0.5, 1],
  ['a day, latest', 24, false, 1, 1.1],
  ['a day, first', 24, true, 0, 0.5],
])('a token is renewed: %s', (_name, lifeHours, isFirst, chance, hours) => {
  expect(renewalDelayMs(lifeHours * HOUR_MS, isFirst, chance)).toBeCloseTo(hours * HOUR_MS)
})

test.each([
  [1, 1000],
  [2, 2000],
  [3, 4000],
  [6, 32_000],
  [7, 60_000],
  [500, 60_000],
])('after %d failures the pause is anything below %d ms', (failures, ceiling) => {
  expect(backoffMs(failures, undefined, 0)).toBe(0)
  expect(backoffMs(failures, HOUR_MS, 1)).toBe(ceiling)
})

test('a token that lives for seconds is not left alone for a minute', () => {
  expect(backoffMs(20, 60_000, 1)).toBe(6000)
  expect(backoffMs(20, 2000, 1)).toBe(1000)
})

test.each([
  ['is honoured', 20, 20, 31],
  ['of nothing is a backoff', 0, 0, 1],
  ['of a minute', 60, 60, 65],
  ['of a day counts as a minute', 86_400, 60, 65],
])('a Retry-After that %s', (_what, asked, from, to) => {
  expect(retryAfterMs(asked * 1000, 1, HOUR_MS, 0)).toBe(from * 1000)
  expect(retryAfterMs(asked * 1000, 1, HOUR_MS, 1)).toBe(to * 1000)
})

test('a refusal is asked again after half a minute to a minute', () => {
  expect([refusedDelayMs(0), refusedDelayMs(1)]).toEqual([30_000, 60_000])
})

test('no pause is negative or longer than 65 s', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1e9 }),
      fc.integer({ min: 1, max: 2000 }),
      random(),
      (asked, failures, chance) => {
        for (const ms of [retryAfterMs(asked, failures, undefined, chance), backoffMs(failures, undefined, chance)]) {
          expect(ms).toBeGreaterThanOrEqual(0)
          expect(ms).toBeLessThanOrEqual(65_000)
        }
      },
    ),
  )
})

test('two thousand first renewals of tokens issued together are spread: no minute has three times its share', () => {
  const minutes = new Map<number, number>()
  const golden = (Math.sqrt(5) - 1) / 2
  for (let index = 0; index < 2000; index += 1) {
    const minute = Math.floor(renewalDelayMs(HOUR_MS, true, (index * golden) % 1) / 60_000)
    minutes.set(minute, (minutes.get(minute) ?? 0) + 1)
  }
  expect(Math.max(...minutes.values())).toBeLessThan((3 * 2000) / 30)
})

/** What the keeper's clock makes of leaps. */
import { expect, test } from 'vitest'
import { createClock } from '../../src/keeper/clock.ts'

function clocks() {
  const time = { wall: 1_000_000, monotonic: 77 }
  const clock = createClock(
    () => time.wall,
    () => time.monotonic,
  )
  return { time, clock }
}

test('it begins at the wall clock and goes on with the monotonic one', () => {
  const { time, clock } = clocks()
  time.monotonic += 500
  expect(clock.now()).toBe(1_000_500)
})

test.each([
  ['forward, which may have been sleep, ages everything', 60_000, 1_060_000],
  ['back makes nothing younger', -60_000, 1_000_000],
])('a leap %s', (_what, by, now) => {
  const { time, clock } = clocks()
  time.wall += by
  expect(clock.leap()).toBe(by)
  expect(clock.now()).toBe(now)
})

test('a leap is told once', () => {
  const { time, clock } = clocks()
  time.wall += 60_000
  clock.leap()
  time.wall += 1000
  time.monotonic += 1000
  expect(clock.leap()).toBe(0)
})

test('up to five seconds apart is no leap, and small steps add up to one', () => {
  const { time, clock } = clocks()
  time.wall += 5000
  expect(clock.leap()).toBe(0)
  time.wall += 1
  expect(clock.leap()).toBe(5001)
})

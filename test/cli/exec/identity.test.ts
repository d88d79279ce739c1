/** Shows when an identity token is replaced. */
import { expect, test } from 'vitest'
import { isDue } from '../../../src/cli/exec/identity.ts'

test.each([
  ['new', 0, false],
  ['half over', 1800, false],
  ['almost due', 2879, false],
  ['80 % over', 2880, true],
  ['over', 4000, true],
  ['from the future, after the clock leapt back', -1, true],
])('an hour-long token that is %s', (_name, age, expected) => {
  expect(isDue(1_000_000, 3600, 1_000_000 + age)).toBe(expected)
})

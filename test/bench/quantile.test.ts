/** A quantile is a sample at its rank. */
import { expect, test } from 'vitest'
import { median, quantile } from '../../bench/quantile.ts'

test.each([
  ['the smallest', 0, 1],
  ['the median of an even number: the lower of the two', 0.5, 2],
  ['the ninth tenth', 0.9, 4],
  ['the largest', 1, 4],
])('%s', (_name, q, value) => {
  expect(quantile([4, 1, 3, 2], q)).toBe(value)
})

test('the median of an odd number is the middle, by size and not by spelling', () => {
  expect(median([10, 9, 100])).toBe(10)
})

test('nothing has no quantile', () => {
  expect(() => median([])).toThrow(RangeError)
})

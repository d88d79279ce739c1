/** Quantities as Kubernetes writes them. */
import { expect, test } from 'vitest'
import { readQuantity } from '../../src/webhook/quantity.ts'

test.each([
  ['500m', '0.5'],
  ['300m', '.3'],
  ['1', '1000m'],
  [2, '2'],
  ['1Gi', '1024Mi'],
  ['1e3', '1k'],
  ['1E3', '1000'],
  ['100M', '100000k'],
  ['250000u', '250m'],
  ['1500000n', '1500u'],
  ['+1.5G', '1500M'],
  ['2Ei', '2048Pi'],
])('%s is %s', (one, other) => {
  expect(readQuantity(one)).toBeGreaterThan(0)
  expect(readQuantity(one)).toBe(readQuantity(other))
})

test.each([undefined, '', 'm', '-1', '1 Gi', '1Qi', '1.2.3', 'x', null])('%s is no quantity', (value) => {
  expect(readQuantity(value)).toBeUndefined()
})

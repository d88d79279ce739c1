/** What an AudiencePolicy's status says. */
import { expect, test } from 'vitest'
import { conditionsOf } from '../../src/signer/policy-condition.ts'

const NOW = '2030-01-01T00:00:00Z'
const BEFORE = '2029-01-01T00:00:00Z'
const object = (conditions?: object[], generation = 3) => ({
  metadata: { name: 'a', generation },
  ...(conditions === undefined ? {} : { status: { conditions } }),
})
const inForce = {
  type: 'Ready',
  status: 'True',
  observedGeneration: 3,
  reason: 'InForce',
  message: 'the policy is in force',
  lastTransitionTime: BEFORE,
}
const problems = ['spec.effect must be Allow or Deny', 'spec.claims must be minimal, standard or full']

test('a new policy is ready', () => {
  expect(conditionsOf({ object: object(), problems: [] }, NOW)).toEqual([{ ...inForce, lastTransitionTime: NOW }])
})

test('one with mistakes is not, and all of them are told', () => {
  expect(conditionsOf({ object: object(), problems }, NOW)).toEqual([
    {
      type: 'Ready',
      status: 'False',
      observedGeneration: 3,
      reason: 'Invalid',
      message: `${problems.join('; ')}; a form that was valid before stays in force where it was read`,
      lastTransitionTime: NOW,
    },
  ])
})

test('what is said already is not said again', () => {
  expect(conditionsOf({ object: object([inForce]), problems: [] }, NOW)).toBeUndefined()
})

test('a new generation keeps the time while the answer is the same, and not when it changes', () => {
  const next = conditionsOf({ object: object([inForce], 4), problems: [] }, NOW)
  expect(next).toMatchObject([{ observedGeneration: 4, lastTransitionTime: BEFORE }])
  expect(conditionsOf({ object: object([inForce], 4), problems }, NOW)).toMatchObject([{ lastTransitionTime: NOW }])
})

test('conditions of others stay', () => {
  const other = { type: 'Reviewed', status: 'True', reason: 'Yes', message: '', lastTransitionTime: BEFORE }
  expect(conditionsOf({ object: object([other]), problems: [] }, NOW)).toMatchObject([other, { type: 'Ready' }])
})

test('a long list of mistakes is cut to what the API server takes', () => {
  const [condition] = conditionsOf({ object: object(), problems: ['x'.repeat(50_000)] }, NOW) ?? []
  expect(condition?.message.length).toBeLessThanOrEqual(32_768)
})

/** When the sidecar says that it is not ready. */
import { expect, test } from 'vitest'
import { finalRefusal, missing, unready } from '../../src/sidecar/readiness.ts'
import { absent, refused, status, unreachable } from './status.ts'

test.each([
  ['a fresh token', {}],
  ['a token with a tenth of its life', { lifeLeftMs: 360_000 }],
  ['a token whose renewal failed', { failure: unreachable }],
])('%s is ready', (_what, change) => {
  expect(unready([status(change)])).toBeUndefined()
})

test.each([
  ['a token with less than a tenth of its life', { lifeLeftMs: 359_999 }, 'token default is about to expire'],
  ['an expired token', { lifeLeftMs: -1 }, 'token default has expired'],
  ['a token that was never there', absent, 'token default is not there yet'],
  [
    'a token that is refused',
    { ...absent, failure: refused },
    'token default is not there yet: signer refused: no policy',
  ],
])('%s is not, and is named', (_what, change, expected) => {
  expect(unready([status({ name: 'other' }), status(change)])).toBe(expected)
})

test('every token at fault is named', () => {
  const tokens = [status({ name: 'aws', ...absent }), status(), status({ name: 'gcp', lifeLeftMs: 0 })]
  expect(unready(tokens)).toBe('token aws is not there yet\ntoken gcp has expired')
  expect(missing(tokens)).toEqual(['aws'])
})

test.each([
  ['a refusal of a token that is not there', refused, 'absent' as const, 'token aws: signer refused: no policy'],
  ['a refusal while an old one is there', refused, 'good' as const, undefined],
  ['a signer that is away', unreachable, 'absent' as const, undefined],
])('%s: does it end a start that waits?', (_what, failure, file, expected) => {
  expect(finalRefusal({ kind: 'failed', token: 'aws', failure, file, retryInMs: 1 })).toBe(expected)
})

/** What becomes of a token that lies in a file. */
import { expect, test } from 'vitest'
import { judgeFound } from '../../src/keeper/found.ts'
import { makeToken } from './tokens.ts'

const HOUR_MS = 3_600_000
const SIGNED = 1_800_000_000
const text = makeToken({ issuedAt: SIGNED })

test.each([
  ['is new', 0, 0, HOUR_MS],
  ['is half an hour old', 0, 1800, HOUR_MS / 2],
  ['has its last second', 0, 3599, 1000],
  ['was written by a clock two hours ahead', 7200, 7200 + 600, HOUR_MS - 600_000],
  ['was written by a clock two hours behind', -7200, -7200 + 600, HOUR_MS - 600_000],
  ['was written before the clock was set back', 0, -600, HOUR_MS],
])('a token that %s is good', (_what, writtenSeconds, nowSeconds, lifeLeftMs) => {
  const file = { text, writtenAt: (SIGNED + writtenSeconds) * 1000 }
  expect(judgeFound(file, 'vault', (SIGNED + nowSeconds) * 1000)).toMatchObject({ lifeMs: HOUR_MS, lifeLeftMs })
})

test.each([
  ['no file', undefined, 'vault', 0],
  ['an empty file', '', 'vault', 0],
  ['half a token', text.slice(0, 40), 'vault', 0],
  ['another audience', text, 'aws', 0],
  ['a token of an hour ago', text, 'vault', 3600],
])('%s is as good as nothing', (_what, content, audience, nowSeconds) => {
  const file = content === undefined ? undefined : { text: content, writtenAt: SIGNED * 1000 }
  expect(judgeFound(file, audience, (SIGNED + nowSeconds) * 1000)).toBeUndefined()
})

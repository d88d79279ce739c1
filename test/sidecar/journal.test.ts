/** What of the keeper's reports becomes a log line. */
import { expect, test } from 'vitest'
import type { FileState } from '../../src/keeper/loop.ts'
import { createJournal } from '../../src/sidecar/journal.ts'
import { refused, unreachable } from './status.ts'

function record() {
  const lines: [level: string, msg: string, facts: unknown][] = []
  const journal = createJournal((level, msg, facts) => void lines.push([level, msg, facts]))
  const fail = (failure: typeof refused | typeof unreachable, file: FileState = 'absent') =>
    journal({ kind: 'failed', token: 'default', failure, retryInMs: 1234, file })
  const issue = () =>
    journal({ kind: 'issued', token: 'default', jti: 'j', expiresAt: 1_800_000_000, renewInMs: 1_350_000 })
  return { lines, journal, fail, issue }
}

test('a token that was written is one line with jti and expiry', () => {
  const { lines, issue } = record()
  issue()
  const facts = { token: 'default', jti: 'j', expiresAt: '2027-01-15T08:00:00.000Z', renewInSeconds: 1350 }
  expect(lines).toEqual([['info', 'token default written', facts]])
})

test('a failure is told once, a different one again, and after a success anew', () => {
  const { lines, fail, issue } = record()
  fail(unreachable)
  fail(unreachable)
  fail(refused)
  fail(unreachable, 'good')
  issue()
  fail(unreachable, 'good')
  expect(lines.map(([level]) => level)).toEqual(['warn', 'debug', 'warn', 'warn', 'info', 'warn'])
  expect(lines[0]?.slice(1)).toEqual([
    'token default, it is not there yet: signer: refused',
    { token: 'default', reason: 'signer-unreachable', retryInSeconds: 1.2 },
  ])
  expect(lines.at(-1)?.[1]).toBe('token default, the old one stays: signer: refused')
})

test('a token that is about to expire and one that has is news, though the failure is the same', () => {
  const { lines, fail } = record()
  for (const file of ['good', 'good', 'ending', 'ending', 'expired', 'expired'] as const) fail(unreachable, file)
  expect(lines.map(([level, line]) => [level, /the old one (.*):.*:/.exec(line)?.[1]])).toEqual([
    ['warn', 'stays'],
    ['debug', 'stays'],
    ['warn', 'is about to expire'],
    ['debug', 'is about to expire'],
    ['error', 'has expired'],
    ['debug', 'has expired'],
  ])
})

test.each([
  [{ kind: 'leapt', byMs: -60_000 } as const, 'warn', 'clock'],
  [{ kind: 'generation', generation: 4 } as const, 'warn', 'generation'],
  [{ kind: 'found', token: 'default', jti: 'j', expiresAt: 1 } as const, 'info', 'found'],
])('%j is one line', (report, level, word) => {
  const { lines, journal } = record()
  journal(report)
  expect(lines).toEqual([[level, expect.stringContaining(word), expect.anything()]])
})

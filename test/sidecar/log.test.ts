/** The sidecar's log lines. */
import { expect, test } from 'vitest'
import { createLog } from '../../src/sidecar/log.ts'
import { makeToken } from '../keeper/tokens.ts'

function recorder(level: Parameters<typeof createLog>[0]) {
  const lines: string[] = []
  return {
    lines,
    log: createLog(
      level,
      () => 0,
      (line) => lines.push(line),
    ),
  }
}

test('a line is one JSON object with the sentence right after level and time', () => {
  const { lines, log } = recorder('info')
  log('warn', 'a sentence\nof two lines', { token: 'default', jti: undefined })
  expect(lines).toEqual([
    '{"level":"warn","time":"1970-01-01T00:00:00.000Z","msg":"a sentence\\nof two lines","process":"sidecar","token":"default"}\n',
  ])
})

test.each([
  ['trace', 5],
  ['debug', 4],
  ['info', 3],
  ['warn', 2],
  ['error', 1],
] as const)('at level %s %d of five lines are written', (level, count) => {
  const { lines, log } = recorder(level)
  for (const one of ['trace', 'debug', 'info', 'warn', 'error'] as const) log(one, 'x')
  expect(lines.length).toBe(count)
})

test('a token that found its way into a sentence or a fact does not leave', () => {
  const { lines, log } = recorder('info')
  const token = makeToken()
  log('info', `bad: ${token}`, { oops: token })
  expect(lines[0]).not.toContain(token.slice(0, 20))
  expect(lines[0]).toContain('[redacted token]')
})

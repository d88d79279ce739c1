/** Single annotation values: what is taken, and how a refusal reads. */
import { expect, test } from 'vitest'
import { readChoice, readCpu, readFileMode, readMemory, readNames, readSeconds } from '../../src/webhook/value.ts'

const KEY = 'P/x'

test.each(['600', '86400', '0600'])('%s is a life', (value) => {
  expect(readSeconds(KEY, value, { minimum: 600, maximum: 86_400 })).toBe(Number(value))
})

test.each(['', '599', '86401', '1h', '3600.5', '-600', '6e3', ' 600', '1'.repeat(400)])('"%s" is no life', (value) => {
  expect(readSeconds(KEY, value, { minimum: 600, maximum: 86_400 })).toMatchObject({
    refused: 'bad-annotation-value',
    message: expect.stringContaining('a whole number of seconds from 600 to 86400'),
  })
})

test.each([
  ['hook', 'hook'],
  ['now', 'now'],
])('%s is a choice', (value, expected) => {
  expect(readChoice(KEY, value, ['hook', 'now'])).toBe(expected)
})

test('a wrong choice is told the right ones and the nearest', () => {
  expect(readChoice(KEY, 'hock', ['hook', 'init', 'now'])).toMatchObject({
    message: 'P/x is "hock"; it must be hook, init or now; the nearest is hook',
  })
})

test.each([
  ['app', ['app']],
  ['app,worker', ['app', 'worker']],
  [' app , worker ', ['app', 'worker']],
  ['app,app', ['app']],
])('"%s" names containers', (value, expected) => {
  expect(readNames(KEY, value)).toEqual(expected)
})

test.each(['', ',', 'app,', 'app,,worker'])('"%s" names no containers', (value) => {
  expect(readNames(KEY, value)).toMatchObject({ refused: 'bad-annotation-value' })
})

test.each([
  ['0400', '0400'],
  ['400', '0400'],
  ['0440', '0440'],
  ['0600', '0600'],
  ['0644', '0644'],
  ['0604', '0604'],
])('%s is a file mode', (value, expected) => {
  expect(readFileMode(KEY, value)).toBe(expected)
})

test.each(['0666', '0664', '0755', '0200', '0000', '4644', '00644', '0x1a4', '0o644', ''])(
  '"%s" is no file mode',
  (value) => {
    expect(readFileMode(KEY, value)).toMatchObject({ refused: 'bad-annotation-value' })
  },
)

test.each([
  ['5m', { request: '5m' }],
  ['0.1', { request: '0.1' }],
  ['20m/100m', { request: '20m', limit: '100m' }],
  ['1/1', { request: '1', limit: '1' }],
])('%s is an allotment of cpu', (value, expected) => {
  expect(readCpu(KEY, value)).toEqual(expected)
})

test.each(['', '5m/', '/100m', '20m/99m', '300m/200m', '1/2/3', '5Mi', '-5m', '1e3', '5 m'])(
  '"%s" is no allotment of cpu',
  (value) => {
    expect(readCpu(KEY, value)).toMatchObject({ refused: 'bad-annotation-value' })
  },
)

test.each([
  ['32Mi', { request: '32Mi' }],
  ['48Mi/96Mi', { request: '48Mi', limit: '96Mi' }],
  ['50M/0.1Gi', { request: '50M', limit: '0.1Gi' }],
])('%s is an allotment of memory', (value, expected) => {
  expect(readMemory(KEY, value)).toEqual(expected)
})

test.each(['', '32Mi/16Mi', '16Mi/31Mi', '32', '32m', '32MB', '64Mi/64', 'lots'])(
  '"%s" is no allotment of memory',
  (value) => {
    expect(readMemory(KEY, value)).toMatchObject({ refused: 'bad-annotation-value' })
  },
)

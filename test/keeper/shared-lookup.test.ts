/** How attempts share the resolver. */
import type { LookupFunction } from 'node:net'
import { expect, test } from 'vitest'
import { shareLookup } from '../../src/keeper/shared-lookup.ts'

function resolver() {
  const open: { hostname: string; callback: Parameters<LookupFunction>[2] }[] = []
  const lookup = shareLookup((hostname, _options, callback) => void open.push({ hostname, callback }))
  const answers: unknown[] = []
  const ask = (hostname: string, options = {}) => lookup(hostname, options, (...answer) => answers.push(answer))
  return { open, ask, answers }
}

test('sixteen attempts ask once and all get the answer', () => {
  const { open, ask, answers } = resolver()
  for (let index = 0; index < 16; index += 1) ask('signer')
  expect(open.length).toBe(1)
  open[0]?.callback(null, '10.0.0.1', 4)
  expect(answers).toEqual(Array(16).fill([null, '10.0.0.1', 4]))
})

test('an error is shared too, and the next attempt asks anew', () => {
  const { open, ask, answers } = resolver()
  const error = new Error('EAI_AGAIN')
  ask('signer')
  ask('signer')
  open[0]?.callback(error, '')
  expect(answers).toEqual([
    [error, ''],
    [error, ''],
  ])
  ask('signer')
  expect(open.length).toBe(2)
})

test.each([
  ['another name', 'other', {}],
  ['other options', 'signer', { all: true }],
])('%s is another question', (_what, hostname, options) => {
  const { open, ask } = resolver()
  ask('signer')
  ask(hostname, options)
  expect(open.length).toBe(2)
})

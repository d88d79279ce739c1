/** How the start of a pod waits, with a clock that is told. */
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { SidecarConfig } from '../../src/contract.ts'
import { wait } from '../../src/sidecar/wait.ts'
import { makeToken } from '../keeper/tokens.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'wait-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const config = (startDeadlineSeconds: number): SidecarConfig => ({
  version: 1,
  signer: { url: 'https://signer' },
  identityTokenFile: '/identity',
  directory,
  fileMode: '0644',
  opsPort: 0,
  tokens: ['default', 'aws'].map((name) => ({ name, audience: name, ttlSeconds: 3600 })),
  files: [],
  startDeadlineSeconds,
  localApi: [],
})

/** @param after runs after each pause, told how many milliseconds have passed */
async function run(startDeadlineSeconds: number, after: (elapsedMs: number) => void = () => undefined) {
  const said: string[] = []
  const pauses: number[] = []
  let elapsed = 0
  const code = await wait(config(startDeadlineSeconds), {
    now: () => Date.now() + elapsed,
    monotonic: () => elapsed,
    async sleep(delayMs) {
      pauses.push(delayMs)
      elapsed += delayMs
      after(elapsed)
    },
    say: (line) => said.push(line),
  })
  return { code, said, pauses, elapsed }
}

function put(name: string, options: { audience?: string } = {}): void {
  const issuedAt = Math.floor(Date.now() / 1000)
  writeFileSync(join(directory, name), makeToken({ audience: name, issuedAt, ...options }))
}

test('with every token there it does not pause', async () => {
  put('default')
  put('aws')
  expect(await run(30)).toEqual({ code: 0, said: [], pauses: [], elapsed: 0 })
})

test('it looks often at first, then ten times a second, and ends when the last token comes', async () => {
  put('default')
  const { code, pauses } = await run(30, (elapsedMs) => elapsedMs > 400 && put('aws'))
  expect(code).toBe(0)
  expect(pauses).toEqual([20, 40, 80, 100, 100, 100])
})

test.each<[string, () => void]>([
  ['nothing', () => undefined],
  ['an empty file', () => writeFileSync(join(directory, 'aws'), '')],
  ['half a token', () => writeFileSync(join(directory, 'aws'), makeToken().slice(0, 50))],
  ["another audience's token", () => put('aws', { audience: 'vault' })],
  [
    'a dead token',
    () => {
      put('aws')
      utimesSync(join(directory, 'aws'), 0, Date.now() / 1000 - 3601)
    },
  ],
])('with %s it gives up after the deadline and names the token', async (_what, prepare) => {
  put('default')
  prepare()
  expect(await run(5)).toMatchObject({ code: 75, said: ["no token aws within 5 s: see the sidecar's log"] })
})

test('a start that does not wait does not even look', async () => {
  expect(await run(0)).toMatchObject({ code: 0, pauses: [] })
})

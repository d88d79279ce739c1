/** Readers at full speed never catch the keeper, and the same readers catch a writer that writes in place. */
import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeToken } from './tokens.ts'
import type { Tally } from './torture/reader.ts'

const READERS = 2
/** Readers that share two cores with a writer miss some. */
const TOKENS = 2500
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const secret = privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64url')
const open = publicKey.export({ format: 'der', type: 'spki' }).toString('base64url')

/** In memory, as in a pod, where there is such a folder. */
function folder(): string {
  try {
    accessSync('/dev/shm', constants.W_OK)
    return '/dev/shm'
  } catch {
    return tmpdir()
  }
}

function start(program: string, args: string[]): ChildProcess {
  const path = new URL(`./torture/${program}.ts`, import.meta.url).pathname
  return spawn(process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'], env: {} })
}

/** Everything that `child` prints until it ends; nothing when it ends badly, which no parser takes. */
async function outputOf(child: ChildProcess): Promise<string> {
  let text = ''
  child.stdout?.on('data', (chunk) => {
    text += String(chunk)
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  return code === 0 ? text : ''
}

async function torture(mode: 'keeper' | 'in-place', count: number): Promise<{ tallies: Tally[]; written: string[] }> {
  const directory = mkdtempSync(join(folder(), 'torture-'))
  const path = join(directory, 'default')
  // The first read must find something too.
  writeFileSync(path, makeToken({ issuedAt: Math.floor(Date.now() / 1000), jti: 'first', key: privateKey }))
  const readers = Array.from({ length: READERS }, () => start('reader', [path, open]))
  try {
    const outputs = readers.map(outputOf)
    await Promise.all(readers.map((reader) => new Promise((resolve) => reader.stdout?.once('data', resolve))))
    const written = JSON.parse(await outputOf(start('writer', [mode, directory, String(count), secret]))) as string[]
    for (const reader of readers) reader.stdin?.end()
    const tallies = (await Promise.all(outputs)).map((text) => JSON.parse(text.replace('ready\n', '')) as Tally)
    return { tallies, written }
  } finally {
    for (const reader of readers) reader.kill('SIGKILL')
    rmSync(directory, { recursive: true })
  }
}

const sum = (tallies: Tally[], key: 'reads' | 'torn' | 'empty' | 'missing' | 'expired') =>
  tallies.reduce((total, tally) => total + tally[key], 0)

test('over a thousand tokens and a hundred thousand reads, every read is one whole token of ours', {
  timeout: 90_000,
}, async () => {
  const { tallies, written } = await torture('keeper', TOKENS)
  const seen = new Set(tallies.flatMap(({ known }) => known))
  expect({
    torn: sum(tallies, 'torn'),
    empty: sum(tallies, 'empty'),
    missing: sum(tallies, 'missing'),
    expired: sum(tallies, 'expired'),
    unknown: [...seen].filter((jti) => jti !== 'first' && !written.includes(jti)),
  }).toEqual({ torn: 0, empty: 0, missing: 0, expired: 0, unknown: [] })
  expect(new Set(written).size).toBe(TOKENS)
  expect(seen.size).toBeGreaterThanOrEqual(1000)
  expect(sum(tallies, 'reads')).toBeGreaterThanOrEqual(100_000)
})

test('the same readers catch a writer that writes in place', { timeout: 90_000 }, async () => {
  const { tallies } = await torture('in-place', 300)
  expect(sum(tallies, 'torn') + sum(tallies, 'empty')).toBeGreaterThan(0)
  expect(sum(tallies, 'reads')).toBeGreaterThan(1000)
})

/** How token files are replaced, whatever the folder is like. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findFile, removeLeftovers, replaceFile } from '../../src/keeper/token-file.ts'

const isRoot = process.getuid?.() === 0
let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'token-file-'))
})
afterEach(() => {
  chmodSync(directory, 0o700)
  rmSync(directory, { recursive: true })
})

const folder = (mode = 0o644, random = Math.random) => ({ directory, mode, random })
const at = (name: string) => join(directory, name)
const modeOf = (name: string) => statSync(at(name)).mode & 0o7777

test('a file is written whole, without a newline, and nothing is left beside it', () => {
  replaceFile(folder(), 'default', 'a.b.c')
  replaceFile(folder(), 'default', 'd.e.f')
  expect(readFileSync(at('default'), 'utf8')).toBe('d.e.f')
  expect(readdirSync(directory)).toEqual(['default'])
})

test('who has the old file open reads the old token to its end', () => {
  replaceFile(folder(), 'default', 'a.b.c')
  const before = statSync(at('default')).ino
  replaceFile(folder(), 'default', 'd.e.f')
  expect(statSync(at('default')).ino).not.toBe(before)
})

test.each([[0o644], [0o640], [0o600], [0o440], [0o400]])('the mode is %o whatever the umask is', (mode) => {
  const umask = process.umask(0o077)
  try {
    replaceFile(folder(mode), 'default', 'a.b.c')
    replaceFile(folder(mode), 'default', 'd.e.f')
  } finally {
    process.umask(umask)
  }
  expect(modeOf('default')).toBe(mode)
})

test('a link in the place of the file is replaced and what it points to is left alone', () => {
  writeFileSync(at('victim'), 'precious')
  symlinkSync('victim', at('default'))
  replaceFile(folder(), 'default', 'a.b.c')
  expect(readFileSync(at('victim'), 'utf8')).toBe('precious')
  expect(lstatSync(at('default')).isFile()).toBe(true)
})

test('a link in the place of the temporary file is not followed', () => {
  writeFileSync(at('victim'), 'precious')
  symlinkSync('victim', at('.default.800000000000.new'))
  expect(() =>
    replaceFile(
      folder(0o644, () => 0.5),
      'default',
      'a.b.c',
    ),
  ).toThrow(/EEXIST/)
  expect(readFileSync(at('victim'), 'utf8')).toBe('precious')
})

test('a directory in the place of the file is left there, and nothing beside it', () => {
  mkdirSync(at('default'))
  expect(() => replaceFile(folder(), 'default', 'a.b.c')).toThrow(
    expect.objectContaining({ reason: 'token-file-unwritable', message: expect.stringContaining(at('default')) }),
  )
  expect(readdirSync(directory)).toEqual(['default'])
})

test('a directory that does not exist is said so', () => {
  expect(() => replaceFile({ ...folder(), directory: at('none') }, 'default', 'a.b.c')).toThrow(
    /its directory does not exist \(ENOENT\)/,
  )
})

test('in a directory without permission the old token stays', () => {
  replaceFile(folder(), 'default', 'a.b.c')
  chmodSync(directory, 0o555)
  asOrdinaryUser(() => {
    expect(() => replaceFile(folder(), 'default', 'd.e.f')).toThrow(/no permission to write .+ \(EACCES\)/)
  })
  expect(readFileSync(at('default'), 'utf8')).toBe('a.b.c')
})

test('no message repeats what was to be written', () => {
  expect(() => replaceFile({ ...folder(), directory: at('none') }, 'default', 'secret')).toThrow(/^(?!.*secret)/)
})

test('leftovers of ours are removed and everything else stays', () => {
  const foreign = [
    'default',
    '.default.new',
    '.default.12345.new',
    '.default.0123456789ab.new.bak',
    'x.0123456789ab.new',
  ]
  for (const name of [...foreign, '.default.0123456789ab.new', '.gcp.json.ba9876543210.new'])
    writeFileSync(at(name), '')
  removeLeftovers(directory)
  expect(readdirSync(directory).sort()).toEqual([...foreign].sort())
})

test('the leftovers of a directory that does not exist are none', () => {
  expect(() => removeLeftovers(at('none'))).not.toThrow()
})

test('a file is found with the time of its writing', () => {
  writeFileSync(at('default'), 'a.b.c')
  utimesSync(at('default'), 1000, 2000)
  expect(findFile(directory, 'default')).toEqual({ text: 'a.b.c', writtenAt: 2_000_000 })
})

test.each<[string, () => void]>([
  ['nothing', () => undefined],
  ['a directory', () => mkdirSync(at('default'))],
  ['a file of more than 16 KiB', () => writeFileSync(at('default'), 'x'.repeat(16_385))],
  [
    'a link',
    () => {
      writeFileSync(at('elsewhere'), 'a.b.c')
      symlinkSync('elsewhere', at('default'))
    },
  ],
  ['a pipe', () => expect(spawnSync('mkfifo', [at('default')]).status).toBe(0)],
])('%s in its place is not found', (_what, put) => {
  put()
  expect(findFile(directory, 'default')).toBeUndefined()
})

/** A mount of our own needs a mount namespace, and without root a user namespace, which some systems forbid. */
const unshare = isRoot ? ['-m'] : ['-U', '-r', '-m']
const mayMount = spawnSync('unshare', [...unshare, 'true']).status === 0

test.skipIf(!mayMount)(
  'on a full volume of 16 KiB the old token stays, and the new one comes once there is room',
  () => {
    const script = 'mount -t tmpfs -o size=16k none "$1" && exec "$2" "$3" "$1"'
    const program = new URL('./full-disk.ts', import.meta.url).pathname
    const args = [...unshare, 'sh', '-c', script, 'sh', directory, process.execPath, program]
    const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', env: { PATH: process.env.PATH } })
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({
      first: 'replaced',
      whileFull: `token-file-unwritable: ${at('default')} cannot be replaced, the old one stays: the volume is full (ENOSPC)`,
      kept: true,
      names: ['default', 'filler'],
      afterwards: 'replaced',
    })
    expect(existsSync(at('default'))).toBe(false)
  },
)

/** Root may write anywhere, so root steps down for a moment. */
function asOrdinaryUser(task: () => void): void {
  if (isRoot) process.seteuid?.(65_534)
  try {
    task()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}

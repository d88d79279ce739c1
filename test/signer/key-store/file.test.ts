/** The key file: made once, kept, never silently made again, and never readable by others. */
import { writeFileSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { geteuid, seteuid } from 'node:process'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { ProjectorError } from '../../../src/errors.ts'
import { createLog } from '../../../src/log.ts'
import { openKeyFile } from '../../../src/signer/key-store/file.ts'
import { publicKeys } from '../../../src/signer/keyring.ts'
import { storedSet } from '../keys.ts'

const isRoot = geteuid?.() === 0
const NOBODY = 65_534
const CANARY = 'CANARYCANARYCANARY'

let lines: string[] = []
let serial = 0
const deps = {
  now: () => 1_900_000_000_000,
  randomUUID: () => {
    serial += 1
    return `00000000-0000-4000-8000-${String(serial).padStart(12, '0')}`
  },
  log: createLog('info', 'test', (line) => lines.push(line)),
}
const open = (path: string, alg: 'RS256' | 'ES256' = 'ES256') => openKeyFile(path, alg, deps)

let folder: string
let path: string
beforeEach(async () => {
  lines = []
  folder = await mkdtemp(join(tmpdir(), 'key-store-'))
  path = join(folder, 'keys.json')
  onTestFinished(() => rm(folder, { recursive: true }))
})

const readKeys = async (file: string) => JSON.parse(await readFile(file, 'utf8')).keys as Record<string, unknown>[]

/** The message of the refusal to open, whose code every such refusal has. */
async function problem(file = path, alg: 'RS256' | 'ES256' = 'ES256'): Promise<string> {
  const error = await open(file, alg).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ProjectorError)
  expect(error).toMatchObject({ reason: 'key-store-unusable', exitCode: 78 })
  return (error as ProjectorError).message
}

async function writeKeys(text: string, mode = 0o600): Promise<void> {
  await writeFile(path, text, { mode })
  await chmod(path, mode)
}

test.each(['RS256', 'ES256'] as const)('the first start makes an active and a standby key for %s', async (alg) => {
  const keyring = await open(path, alg)
  expect(keyring).toMatchObject({
    generation: 1,
    keys: [
      { state: 'active', alg, createdAt: '2030-03-17T17:46:40.000Z' },
      { state: 'standby', alg },
    ],
  })
  expect((await stat(path)).mode & 0o7777).toBe(0o600)
  expect((await readdir(folder)).sort()).toEqual(['keys.json', 'keys.json.public'])
  expect(await readKeys(`${path}.public`)).toEqual(publicKeys(keyring))
})

test('the next start finds the same keys and writes nothing', async () => {
  const first = await open(path)
  const before = await Promise.all([stat(path), stat(`${path}.public`)])
  expect(await open(path)).toEqual(first)
  const after = await Promise.all([stat(path), stat(`${path}.public`)])
  expect(after.map(({ ino, mtimeMs }) => [ino, mtimeMs])).toEqual(before.map(({ ino, mtimeMs }) => [ino, mtimeMs]))
})

test('processes that start together agree on one set', async () => {
  const keyrings = await Promise.all(Array.from({ length: 8 }, () => open(path)))
  expect(new Set(keyrings.map((keyring) => JSON.stringify(keyring))).size).toBe(1)
  expect((await readdir(folder)).sort()).toEqual(['keys.json', 'keys.json.public'])
  expect(await readKeys(`${path}.public`)).toEqual(publicKeys(await open(path)))
})

test('who is second takes the keys of who was first', async () => {
  const theirs = JSON.stringify(await storedSet('ES256'))
  const keyring = await openKeyFile(path, 'ES256', {
    ...deps,
    // Asked for once our own keys are made and before they are in place.
    randomUUID: () => {
      writeFileSync(path, theirs, { mode: 0o600 })
      return deps.randomUUID()
    },
  })
  expect(keyring).toEqual(JSON.parse(theirs))
  expect(await readFile(path, 'utf8')).toBe(theirs)
  expect(await readKeys(`${path}.public`)).toEqual(publicKeys(keyring))
})

test('nothing private is logged or recorded', async () => {
  await open(path)
  const privateMembers = (await readKeys(path)).map(({ d }) => String(d))
  const seen = lines.join() + (await readFile(`${path}.public`, 'utf8'))
  for (const member of privateMembers) expect(seen).not.toContain(member)
  expect(lines.join()).toContain('signing keys created')
})

test.each([
  ['missing', async () => rm(path)],
  ['empty', async () => writeKeys('')],
])('a private file that is %s while its record is there is not made again', async (what, lose) => {
  await open(path)
  await lose()
  const message = await problem()
  expect(message).toContain(
    `${path} is ${what} although ${path}.public says that keys were made; restore it from a copy`,
  )
  expect(message).toContain(`remove ${path}.public`)
  expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([])
})

test('keys of another set are not taken for those of the record', async () => {
  await open(path)
  await writeKeys(JSON.stringify(await storedSet('ES256')))
  expect(await problem()).toContain(`${path} holds none of the keys that ${path}.public lists`)
})

test('an empty file without a record is not filled', async () => {
  await writeKeys('')
  expect(await problem()).toContain(`${path} is empty; remove it so that keys are made at the next start`)
})

test('a record that is gone is written again, one that is broken is not guessed at', async () => {
  await open(path)
  await rm(`${path}.public`)
  const keyring = await open(path)
  expect(await readKeys(`${path}.public`)).toEqual(publicKeys(keyring))
  await writeFile(`${path}.public`, CANARY)
  expect(await problem()).toBe(
    `${path}.public is not a JWK Set; remove it if ${path} is the right key file, and it is written again`,
  )
})

test.each([0o640, 0o604, 0o660, 0o666, 0o610, 0o601])('mode %o lets others in and is refused', async (mode) => {
  await open(path)
  await chmod(path, mode)
  const octal = mode.toString(8).padStart(4, '0')
  expect(await problem()).toContain(`${path} has mode ${octal} and belongs to uid ${(await stat(path)).uid}`)
  expect(await problem()).toContain(`chmod 600 ${path}`)
})

test('mode 0400 is as good', async () => {
  const keyring = await open(path)
  await chmod(path, 0o400)
  expect(await open(path)).toEqual(keyring)
})

test('a symlink to a good file is followed, as the kubelet mounts Secrets', async () => {
  const keyring = await open(path)
  const link = join(folder, 'link.json')
  await symlink(path, link)
  expect(await open(link)).toEqual(keyring)
})

test.each([
  ['no JSON', CANARY, 'it is not JSON'],
  ['half a file', `{"generation":1,"keys":[{"d":"${CANARY}`, 'it is not JSON'],
  ['another document', `{"${CANARY}":1}`, 'generation must be'],
])('a malformed file is refused and not shown: %s', async (_name, text, what) => {
  await writeKeys(text)
  const message = await problem()
  expect(message).toContain(`${path} is not a key set of this issuer: `)
  expect(message).toContain(what)
  expect(message).not.toContain('CANARY')
})

test('halves that do not belong together are found at the start', async () => {
  const set = await storedSet('ES256')
  const [active, standby] = set.keys
  await writeKeys(JSON.stringify({ ...set, keys: [active, { ...standby, d: active?.['d'] }] }))
  expect(await problem()).toContain('keys[1] has private and public members that do not belong together')
})

test('keys of another algorithm than the issuer signs with are refused', async () => {
  await open(path, 'ES256')
  expect(await problem(path, 'RS256')).toContain('its issuer signs with RS256')
})

test('a directory in the place of the file is refused', async () => {
  await mkdir(path)
  expect(await problem()).toContain(`${path} must be a regular file`)
})

test('a folder that does not exist is named', async () => {
  const missing = join(folder, 'none', 'keys.json')
  expect(await problem(missing)).toContain(`(ENOENT); create the directory ${join(folder, 'none')}`)
})

/** Runs `work` as somebody who may not read what the test has made: another user for root, nobody's mode otherwise. */
async function asStranger(file: string, work: () => Promise<void>): Promise<void> {
  if (!isRoot) {
    await chmod(file, 0)
    await work().finally(() => chmod(file, 0o700))
    return
  }
  seteuid?.(NOBODY)
  await work().finally(() => seteuid?.(0))
}

test('a file of another user is refused with owner, mode and remedy', async () => {
  await open(path)
  await chmod(folder, 0o755)
  await asStranger(path, async () => {
    const message = await problem()
    const me = isRoot ? NOBODY : geteuid?.()
    expect(message).toContain(
      `${path} cannot be read: it belongs to uid ${isRoot ? 0 : me} with mode 0${isRoot ? 600 : '000'}`,
    )
    expect(message).toContain(`this process runs as uid ${me}; run: chown ${me} ${path} && chmod 600 ${path}`)
  })
})

test('a folder that cannot be entered is refused with its owner', async () => {
  const closed = join(folder, 'closed')
  await mkdir(closed, { mode: 0o700 })
  await chmod(folder, 0o755)
  await asStranger(closed, async () => {
    expect(await problem(join(closed, 'keys.json'))).toMatch(/cannot be (read|created): its directory belongs to uid/)
  })
})

test('a folder that cannot be written serves the keys it has, without their record', async () => {
  const keyring = await open(path)
  await rm(`${path}.public`)
  if (isRoot) await chown(path, NOBODY, NOBODY)
  await chmod(folder, 0o555)
  if (isRoot) seteuid?.(NOBODY)
  const found = await open(path).finally(() => seteuid?.(isRoot ? 0 : (geteuid?.() ?? 0)))
  await chmod(folder, 0o755)
  expect(found).toEqual(keyring)
  expect(await readdir(folder)).toEqual(['keys.json'])
  expect(lines.join()).toContain('the public record of the keys cannot be written')
})

test('where nothing can be written no keys are made', async () => {
  expect(await problem('/proc/self/keys.json')).toContain('/proc/self/keys.json cannot be created')
})

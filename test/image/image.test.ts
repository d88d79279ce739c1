/** The image: what it is made of, what it does not hold, and that its programs work where a pod may write nothing. */
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundlePrograms } from '../../image/bundle.ts'
import { LICENSES, MANIFEST, PROGRAMS } from '../../image/programs.ts'
import {
  EXIT,
  IMAGE_CLI,
  IMAGE_NODE,
  IMAGE_SIDECAR,
  IMAGE_SIGNER,
  IMAGE_WAIT,
  IMAGE_WEBHOOK,
  type SidecarConfig,
} from '../../src/contract.ts'
import { VERSION } from '../../src/version.ts'
import { createStep } from '../cluster/steps.ts'
import { type FakeSigner, startFakeSigner } from '../keeper/fake-signer.ts'
import { makeToken } from '../keeper/tokens.ts'
import { type Archive, readArchive } from './archive.ts'
import type { Bases } from './base.ts'
import { buildImage, IMAGE_REFERENCE } from './build.ts'
import { runInImage } from './container.ts'

const NODE = [IMAGE_NODE, '--disable-sigusr1']
const NONROOT = 65_532
const root = await mkdtemp(join(tmpdir(), 'token-projector-image-test-'))
const step = createStep((line) => process.stderr.write(line))
let image: Archive
let signer: FakeSigner

beforeAll(async () => {
  if (process.geteuid?.() !== 0) throw new Error('a root of its own needs a mount namespace: run this as root')
  await bundlePrograms('dist')
  image = await build('image')
  signer = await startFakeSigner()
})

afterAll(async () => {
  await signer?.close()
  await rm(root, { recursive: true })
})

async function build(name: string, more: { architecture?: string; bases?: (at: string) => Promise<Bases> } = {}) {
  const directory = join(root, name)
  await mkdir(directory)
  const archive = join(directory, 'image.tar')
  await buildImage({ archive, ...more }, step)
  return readArchive(archive, directory)
}

const run = (
  command: readonly string[],
  environment: Record<string, string> = {},
  mounts: Record<string, string> = {},
) => runInImage({ root: image.root, user: image.config.User ?? '', command, environment, mounts })

test('1. it says what it is, and starts as a user that is not root, by number', () => {
  expect(image.reference).toBe(IMAGE_REFERENCE)
  expect(image.config.User).toBe(`${NONROOT}:${NONROOT}`)
  expect(image.config.Entrypoint).toEqual([...NODE, IMAGE_CLI])
  expect(image.config.Cmd).toBeUndefined()
  expect(image.config.Labels?.['org.opencontainers.image.version']).toBe(VERSION)
  process.stderr.write(`image: ${(image.compressedBytes / 1e6).toFixed(0)} MB compressed\n`)
})

test('2. every program that another part calls by path is there', async () => {
  const called = [IMAGE_NODE, IMAGE_WEBHOOK, IMAGE_SIGNER, IMAGE_SIDECAR, IMAGE_WAIT, IMAGE_CLI]
  for (const path of called) expect((await stat(join(image.root, path))).isFile()).toBe(true)
  const ours = await readdir(join(image.root, 'opt/token-projector'))
  expect(ours.sort()).toEqual([...PROGRAMS.map(({ name }) => name), MANIFEST.name, LICENSES, 'LICENSE'].sort())
})

test('3. it holds nothing else that could be run: no shell, no package manager', async () => {
  const programs = (await executables(image.root)).filter((path) => !/\.so(?:\.|$)/.test(path))
  expect(programs).toEqual([IMAGE_NODE])
})

test('4. nobody but root may write anything in it', async () => {
  const writable = []
  for await (const [path, { mode }] of files(image.root)) if ((mode & 0o022) !== 0) writable.push(path)
  expect(writable).toEqual([])
})

test.each([IMAGE_WEBHOOK, IMAGE_SIGNER])('5. %s without its configuration says what is missing', async (program) => {
  const { exitCode, stdout } = await run([...NODE, program])
  expect(exitCode).toBe(EXIT.configuration)
  expect(stdout).toContain('TOKEN_PROJECTOR_')
  expect(JSON.parse(stdout.split('\n').at(-1) ?? '').reason).toBe('configuration-invalid')
})

test('6. the command line is what runs when nobody says otherwise', async () => {
  expect(await run([...(image.config.Entrypoint ?? []), '--version'])).toMatchObject({ exitCode: 0, stdout: VERSION })
})

test('7. a sidecar fetches its token with a read-only root, and the hook finds it', async () => {
  const { folder, environment, mounts } = await sidecarOf('fetches')
  const once = await run([...NODE, IMAGE_SIDECAR, 'once'], environment, mounts)
  expect(once).toMatchObject({ exitCode: 0, stderr: '' })
  expect(await readFile(join(folder, 'default'), 'utf8')).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
  expect((await stat(join(folder, 'default'))).uid).toBe(NONROOT)
  expect(await run([...NODE, IMAGE_WAIT], environment, mounts)).toEqual({ exitCode: 0, stdout: '', stderr: '' })
  // Not even root could write elsewhere here, or this would show nothing.
  const touch = [IMAGE_NODE, '--eval', "require('fs').writeFileSync('/opt/written', '')"]
  const { stderr } = await runInImage({ root: image.root, user: '0:0', command: touch })
  expect(stderr).toContain('EROFS')
})

test('8. any other user can run it too, as a pod that inherits one needs it', async () => {
  const command = [...NODE, IMAGE_WAIT]
  const { exitCode, stderr } = await runInImage({ root: image.root, user: '1000680000:0', command })
  expect([exitCode, stderr]).toEqual([EXIT.configuration, expect.stringContaining('TOKEN_PROJECTOR_SIDECAR')])
})

test('9. the same files make the same image', async () => {
  expect((await build('again')).digest).toBe(image.digest)
})

test('10. the Dockerfile finds everything in the folders of arm64 too', async () => {
  const arm = await build('arm64', { architecture: 'arm64', bases: armBases })
  expect(arm.architecture).toBe('arm64')
  expect(await readFile(join(arm.root, IMAGE_NODE), 'utf8')).toBe('node')
  expect(await readFile(join(arm.root, 'usr/lib/libatomic.so.1'), 'utf8')).toBe('libatomic')
  expect(await readdir(join(arm.root, 'opt/token-projector'))).toContain(basename(IMAGE_SIDECAR))
})

/** A pod's volumes and environment, as the webhook sets them up. */
async function sidecarOf(name: string) {
  const identity = join(root, name, 'identity')
  const folder = join(root, name, 'tokens')
  for (const path of [identity, folder]) await mkdir(path, { recursive: true })
  await writeFile(join(identity, 'token'), makeToken())
  await chown(folder, NONROOT, NONROOT)
  const config: SidecarConfig = {
    version: 1,
    signer: { url: signer.url, caBundle: signer.caBundle },
    identityTokenFile: '/identity/token',
    directory: '/tokens',
    fileMode: '0644',
    opsPort: 0,
    tokens: [{ name: 'default', audience: 'vault', ttlSeconds: 3600 }],
    files: [],
    startDeadlineSeconds: 20,
    localApi: [],
  }
  const environment = { TOKEN_PROJECTOR_SIDECAR: JSON.stringify(config), NODE_OPTIONS: '' }
  return { folder, environment, mounts: { '/identity': identity, '/tokens': folder } }
}

/** The layout of the images for arm64, in small. */
async function armBases(directory: string): Promise<Bases> {
  const bases = { node: join(directory, 'node'), base: join(directory, 'base') }
  const content: Record<string, string> = {
    'node/usr/local/bin/node': 'node',
    'node/usr/local/LICENSE': 'licence',
    'node/usr/lib/aarch64-linux-gnu/libatomic.so.1': 'libatomic',
    'base/etc/passwd': 'nonroot',
  }
  for (const [path, text] of Object.entries(content)) {
    await mkdir(join(directory, path, '..'), { recursive: true })
    await writeFile(join(directory, path), text)
  }
  await chmod(join(bases.node, 'usr/local/bin/node'), 0o755)
  return bases
}

async function executables(root: string): Promise<string[]> {
  const found = []
  for await (const [path, { mode }] of files(root)) if ((mode & 0o111) !== 0) found.push(path)
  return found.sort()
}

/** Files with their path inside; what a test mounted is empty and no file. */
async function* files(root: string): AsyncGenerator<[string, { mode: number }]> {
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    yield [path.slice(root.length), await stat(path)]
  }
}

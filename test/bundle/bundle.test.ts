/** Each bundle stands on its own: alone in an empty folder it does what its sources do. */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type Bundle, bundle, bundlePrograms } from '../../image/bundle.ts'
import { LICENSES, MANIFEST, PROGRAMS } from '../../image/programs.ts'
import {
  EXIT,
  IMAGE_CLI,
  IMAGE_SIDECAR,
  IMAGE_SIGNER,
  IMAGE_WAIT,
  IMAGE_WEBHOOK,
  type SidecarConfig,
} from '../../src/contract.ts'
import { VERSION } from '../../src/version.ts'
import { admit, podOf } from '../demo/admission.ts'
import { type Child, parseLine, startChild } from '../demo/child.ts'
import { startFakeSigner } from '../keeper/fake-signer.ts'
import { makeToken } from '../keeper/tokens.ts'
import { authority, prepareSigner } from '../signer/running.ts'

const NODE = [process.execPath, '--disable-sigusr1']
const EXAMPLES = new URL('../../examples/', import.meta.url).pathname
const root = await mkdtemp(join(tmpdir(), 'bundle-'))
const built = join(root, 'built')
let bundles: Bundle[]

beforeAll(async () => {
  bundles = await bundlePrograms(built)
})
afterAll(() => rm(root, { recursive: true }))

/** A folder that holds these programs and nothing else. */
async function folderWith(...programs: string[]): Promise<string> {
  const folder = await mkdtemp(join(root, 'alone-'))
  for (const program of programs) await copyFile(join(built, basename(program)), join(folder, basename(program)))
  return folder
}

/** Runs a program from a folder that holds it alone. */
async function start(program: string, args: string[] = [], env: Record<string, string> = {}): Promise<Child> {
  const child = startChild([...NODE, join(await folderWith(program), basename(program)), ...args], env)
  onTestFinished(() => child.stop())
  return child
}

test('what is written is what the image copies', async () => {
  expect((await readdir(built)).sort()).toEqual([...PROGRAMS.map(({ name }) => name), MANIFEST.name, LICENSES].sort())
})

test('the bundles are called as the other parts call them', () => {
  const called = [IMAGE_WEBHOOK, IMAGE_SIGNER, IMAGE_SIDECAR, IMAGE_WAIT, IMAGE_CLI].map((path) => basename(path))
  expect(PROGRAMS.map(({ name }) => name).sort()).toEqual(called.sort())
})

test('what runs beside every pod holds no package; a service names those that it holds', () => {
  const packagesOf = (path: string) => bundles.find(({ name }) => name === basename(path))?.packages
  expect(packagesOf(IMAGE_SIDECAR)).toEqual([])
  expect(packagesOf(IMAGE_WAIT)).toEqual([])
  expect(packagesOf(IMAGE_SIGNER)).toEqual(expect.arrayContaining(['node_modules/fastify', 'node_modules/jose']))
})

test('a package in a program that may hold none ends the bundling', async () => {
  const program = { name: 'sidecar.js', entry: 'src/webhook/main.ts', mayHoldPackages: false }
  await expect(bundle(program)).rejects.toThrow(/^sidecar\.js: .*node_modules\/fastify is in the bundle/)
})

test('no program holds the whole Kubernetes API, which is 15 MB that nobody here calls', () => {
  // Named exports of the client can be left out; `await import()` of the package itself takes it whole.
  expect(bundles.filter(({ bytes }) => bytes > 10_000_000).map(({ name }) => name)).toEqual([])
})

test('the licence of every package is passed on', async () => {
  const text = await readFile(join(built, LICENSES), 'utf8')
  for (const folder of new Set(bundles.flatMap(({ packages }) => packages))) {
    const { name, version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
    expect(text).toContain(`\n${name} ${version} (`)
  }
})

test.each(PROGRAMS)('$name holds nothing of our package.json but the version', async ({ name }) => {
  const text = await readFile(join(built, name), 'utf8')
  expect(text.includes('allowScripts')).toBe(false)
})

test.each([
  { program: IMAGE_WEBHOOK, names: 'TOKEN_PROJECTOR_TLS_' },
  { program: IMAGE_SIGNER, names: 'TOKEN_PROJECTOR_SIGNER_CONFIG' },
])('$program without an environment exits 78 and names what is missing', async ({ program, names }) => {
  const child = await start(program)
  expect(await child.exitCode).toBe(EXIT.configuration)
  expect(parseLine(child.output().split('\n').at(-1) ?? '')).toMatchObject({
    reason: 'configuration-invalid',
    msg: expect.stringContaining(names),
  })
})

test('the webhook admits a pod over TLS', async () => {
  const { folder, remove } = await prepareSigner()
  onTestFinished(remove)
  const child = await start(IMAGE_WEBHOOK, [], {
    TOKEN_PROJECTOR_TLS_DIRECTORY: folder,
    TOKEN_PROJECTOR_WEBHOOK_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_OPS_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_SIDECAR_IMAGE: 'token-projector:test',
    TOKEN_PROJECTOR_SIGNER_URL: 'https://signer.example',
    TOKEN_PROJECTOR_IDENTITY_AUDIENCE: 'https://issuer.example/token',
    TOKEN_PROJECTOR_POLICY_CHECK: 'off',
    TOKEN_PROJECTOR_DRAIN_SECONDS: '0',
  })
  const { admission } = await portsOf(child)
  const pod = await podOf(join(EXAMPLES, 'aws-sdk-js/deployment.yaml'))
  const admitted = await admit(pod, `https://localhost:${admission}/mutate`, authority.certificate)
  expect(admitted.pod.spec.initContainers[0]).toMatchObject({ name: 'token-projector', restartPolicy: 'Always' })
  await child.stop()
  expect(await child.exitCode).toBe(0)
})

test('the signer, the sidecar and its hook: a token comes, and all end with 0', async () => {
  const { env, cluster, remove } = await prepareSigner()
  onTestFinished(remove)
  const signer = await start(IMAGE_SIGNER, [], env)
  const { exchange } = await portsOf(signer)
  const signerAt = { url: `https://localhost:${exchange}`, caBundle: authority.certificate }
  const { environment, tokens } = await sidecarOf(signerAt, await cluster.mint())
  const sidecar = await start(IMAGE_SIDECAR, ['run'], environment)
  const hook = await start(IMAGE_WAIT, [], environment)
  expect(await hook.exitCode).toBe(0)
  expect(await readFile(join(tokens, 'default'), 'utf8')).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
  for (const child of [sidecar, signer]) {
    await child.stop()
    expect([child.errors(), await child.exitCode]).toEqual(['', 0])
  }
})

test('a sidecar without its configuration exits 78, and so does its hook', async () => {
  const children = [await start(IMAGE_SIDECAR, ['run']), await start(IMAGE_WAIT)]
  expect(await Promise.all(children.map(({ exitCode }) => exitCode))).toEqual([EXIT.configuration, EXIT.configuration])
  expect(children[1]?.errors()).toContain('TOKEN_PROJECTOR_SIDECAR is required')
})

test('the sidecar loads its one file and as little of Node as its sources do', async () => {
  const signer = await startFakeSigner()
  onTestFinished(signer.close)
  const { environment } = await sidecarOf({ url: signer.url, caBundle: signer.caBundle }, makeToken())
  const hook = new URL('../sidecar/loaded.ts', import.meta.url).href
  const program = join(await folderWith(IMAGE_SIDECAR), basename(IMAGE_SIDECAR))
  const { stderr } = await execa(process.execPath, [`--import=${hook}`, program, 'once'], {
    env: environment,
    extendEnv: false,
  })
  const { urls } = JSON.parse(/LOADED (.*)/.exec(stderr)?.[1] ?? 'null') as { urls: string[] }
  const nodes = ['node:crypto', 'node:dns', 'node:fs', 'node:https', 'node:path', 'node:tls']
  expect(urls.filter((url) => url.startsWith('node:')).sort()).toEqual(nodes)
  expect(urls.filter((url) => !url.startsWith('node:'))).toEqual([pathToFileURL(program).href])
})

test('the command line tells its version, and injects a manifest', async () => {
  const version = await start(IMAGE_CLI, ['--version'])
  expect([await version.exitCode, version.output()]).toEqual([0, VERSION])
  const inject = await start(IMAGE_CLI, ['inject', '--filename', join(EXAMPLES, 'aws-sdk-js/deployment.yaml')])
  expect(await inject.exitCode).toBe(0)
  expect(inject.output()).toContain(IMAGE_SIDECAR)
})

test('the command line runs a pod with the programs that lie beside it', async () => {
  const folder = await folderWith(IMAGE_CLI, IMAGE_SIDECAR, IMAGE_WAIT)
  const pod = ['--pod', join(EXAMPLES, 'azure/deployment.yaml'), '--policy', join(EXAMPLES, 'azure/policy.yaml')]
  const command = [...NODE, join(folder, 'cli.js'), 'exec', ...pod, '--', 'printenv', 'AZURE_FEDERATED_TOKEN_FILE']
  const child = startChild(command, { PATH: process.env.PATH ?? '' })
  onTestFinished(() => child.stop())
  expect([await child.exitCode, child.errors()]).toEqual([0, ''])
  expect(child.output()).toMatch(/\/azure$/)
})

async function portsOf(service: Child): Promise<Record<string, number>> {
  return service.firstLine((line) => {
    const entry = parseLine(line)
    return entry?.msg === 'serving' ? (entry.ports as Record<string, number>) : undefined
  })
}

/** What a pod would have: an identity token, a folder for tokens, and the sidecar's variable. */
async function sidecarOf(signer: SidecarConfig['signer'], identity: string) {
  const pod = await mkdtemp(join(root, 'pod-'))
  const tokens = join(pod, 'tokens')
  await mkdir(tokens)
  await writeFile(join(pod, 'identity'), identity)
  const config: SidecarConfig = {
    version: 1,
    signer,
    identityTokenFile: join(pod, 'identity'),
    directory: tokens,
    fileMode: '0644',
    opsPort: 0,
    tokens: [{ name: 'default', audience: 'sts.amazonaws.com', ttlSeconds: 3600 }],
    files: [],
    startDeadlineSeconds: 20,
    localApi: [],
  }
  return { tokens, environment: { TOKEN_PROJECTOR_SIDECAR: JSON.stringify(config) } }
}

/** The signer as a process: how it starts, how it ends, and what its last line says when it cannot start. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import { chmod, chown, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { geteuid, execPath as nodePath } from 'node:process'
import { expect, onTestFinished, test } from 'vitest'
import { createLog } from '../../src/log.ts'
import { openKeyFile } from '../../src/signer/key-store/file.ts'
import { askHttps, formOf, prepareSigner } from './running.ts'

const MAIN = new URL('../../src/signer/main.ts', import.meta.url).pathname
const NOBODY = 65_534

interface Ended {
  code: number | null
  lines: Record<string, unknown>[]
}

function start(env: Record<string, string>, uid?: number) {
  const child: ChildProcess = spawn(nodePath, [MAIN], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  const lines = () =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, lines: lines() })))
  return { child, lines, ended }
}

async function prepared() {
  const signer = await prepareSigner()
  onTestFinished(signer.remove)
  return signer
}

async function makeKeys(folder: string): Promise<string> {
  const path = join(folder, 'keys.json')
  const log = createLog('error', 'test', () => {})
  await openKeyFile(path, 'RS256', { now: Date.now, randomUUID, log })
  return path
}

test('a signer starts from its environment, serves, and ends with 0 on SIGTERM', async () => {
  const { env, cluster } = await prepared()
  const { child, lines, ended } = start(env)
  const ports = await new Promise<Record<string, number>>((resolve, reject) => {
    child.stdout?.on('data', () => {
      const serving = lines().find(({ msg }) => msg === 'serving')
      if (serving) resolve(serving.ports)
    })
    child.on('close', () => reject(new Error(`ended: ${JSON.stringify(lines())}`)))
  })
  const form = formOf({ subject_token: await cluster.mint() })
  const answer = await askHttps(ports['exchange'] ?? 0, { method: 'POST', path: '/token', ...form })
  expect(answer.status).toBe(200)
  child.kill('SIGTERM')
  const { code, lines: all } = await ended
  expect(code).toBe(0)
  expect(all.filter(({ audit }) => audit === true)).toEqual([expect.objectContaining({ decision: 'granted' })])
})

test('an empty environment is told all that is missing, exit 78', async () => {
  const { code, lines } = await start({}).ended
  expect(code).toBe(78)
  const [last] = lines.slice(-1)
  expect(last).toMatchObject({ level: 'fatal', reason: 'configuration-invalid' })
  for (const name of ['SIGNER_CONFIG', 'KEY_FILE', 'TLS_DIRECTORY']) {
    expect(last?.['msg']).toContain(`TOKEN_PROJECTOR_${name} is required`)
  }
})

test('three mistakes in one policy file are all reported, exit 78', async () => {
  const { env, folder } = await prepared()
  const policy = `
apiVersion: token-projector.dev/v1alpha1
kind: AudiencePolicy
metadata: {name: broken}
spec:
  effect: Perhaps
  from: {namespaces: [payments]}
  to: {audiences: [x]}
  maxTtlSeconds: 5
`
  await writeFile(join(folder, 'policy.yaml'), policy)
  const { code, lines } = await start(env).ended
  expect(code).toBe(78)
  const message = String(lines.at(-1)?.['msg'])
  for (const part of [
    'policy.yaml:6: spec.effect',
    'spec.from.serviceAccounts is required',
    'policy.yaml:9: spec.maxTtlSeconds',
  ]) {
    expect(message).toContain(part)
  }
})

test('a key file that others can read ends the start with what to do, exit 78', async () => {
  const { env, folder } = await prepared()
  const path = await makeKeys(folder)
  await chmod(path, 0o644)
  const { code, lines } = await start(env).ended
  expect(code).toBe(78)
  expect(lines.at(-1)).toMatchObject({
    reason: 'key-store-unusable',
    msg: expect.stringContaining(`chmod 600 ${path}`),
  })
})

const isRoot = geteuid?.() === 0

/** Whether another user can reach a program where it lies; a checkout in a private home keeps everybody out. */
function isOpenToOthers(path: string): boolean {
  if ((statSync(path).mode & 0o004) === 0) return false
  for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false
  }
  return true
}
const canBeStarted = !isRoot || (isOpenToOthers(MAIN) && isOpenToOthers(nodePath))

// Where nobody else can start the program, the key store's own tests still cover the refusal.
test.skipIf(!canBeStarted)(
  'a key file that its user cannot read ends the start with owner, mode and remedy',
  async () => {
    const { env, folder } = await prepared()
    const path = await makeKeys(folder)
    await chmod(folder, 0o755)
    if (isRoot) await chown(join(folder, 'tls.key'), NOBODY, NOBODY)
    else await chmod(path, 0)
    const { code, lines } = await start(env, isRoot ? NOBODY : undefined).ended
    expect(code).toBe(78)
    expect(lines.at(-1)).toMatchObject({
      reason: 'key-store-unusable',
      msg: expect.stringMatching(
        /keys\.json cannot be read: it belongs to uid \d+ with mode 0\d{3} and this process runs as uid \d+; run: chown/,
      ),
    })
  },
)

test('an address that this machine does not have ends the start, exit 78', async () => {
  const { env } = await prepared()
  const { ended } = start({ ...env, TOKEN_PROJECTOR_OPS_LISTEN: '192.0.2.1:1' })
  const { code, lines } = await ended
  expect(code).toBe(78)
  expect(lines.at(-1)).toMatchObject({ level: 'fatal', msg: expect.stringContaining('EADDRNOTAVAIL') })
})

/** The webhook as a process: its log lines, its signals, its exit codes. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createAuthority, issueLeaf } from '../../src/certificate/issue.ts'

const MAIN = fileURLToPath(new URL('../../src/webhook/main.ts', import.meta.url))
const P = 'TOKEN_PROJECTOR_'

let folder: string
const running = new Set<ChildProcessWithoutNullStreams>()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'webhook-'))
  const leaf = await issueLeaf(await createAuthority('test', new Date()), { ip: ['127.0.0.1'] }, new Date())
  await writeFile(join(folder, 'tls.key'), leaf.privateKey)
  await writeFile(join(folder, 'tls.crt'), leaf.certificate)
})

afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
  running.clear()
})

afterAll(() => rm(folder, { recursive: true, force: true }))

function run(env: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN], { env })
  running.add(child)
  const lines: Record<string, unknown>[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    for (const line of text.split('\n').filter(Boolean)) lines.push(JSON.parse(line))
  })
  return { child, lines, exit: once(child, 'close').then(([code]) => code as number) }
}

function environment(): Record<string, string> {
  return {
    [`${P}WEBHOOK_LISTEN`]: '127.0.0.1:0',
    [`${P}OPS_LISTEN`]: '127.0.0.1:0',
    [`${P}TLS_DIRECTORY`]: folder,
    [`${P}SIDECAR_IMAGE`]: 'registry.example/token-projector:0.1.0',
    [`${P}SIGNER_URL`]: 'https://signer.example',
    [`${P}IDENTITY_AUDIENCE`]: 'https://issuer.example/token',
    [`${P}POLICY_CHECK`]: 'off',
    [`${P}DRAIN_SECONDS`]: '0',
  }
}

async function serving(child: ChildProcessWithoutNullStreams, lines: Record<string, unknown>[]): Promise<void> {
  while (!lines.some(({ msg }) => msg === 'serving')) await once(child.stdout, 'data')
}

test('without an environment it exits 78 with one line that names everything', async () => {
  const { lines, exit } = run({})
  expect(await exit).toBe(78)
  expect(lines).toMatchObject([{ level: 'fatal', reason: 'configuration-invalid', process: 'webhook' }])
  expect(lines[0]?.['msg']).toMatch(/SIDECAR_IMAGE.*SIGNER_URL.*IDENTITY_AUDIENCE.*TLS_DIRECTORY/)
})

test('with a folder that holds no certificate it exits 78 and names the folder', async () => {
  const missing = join(folder, 'missing')
  const { lines, exit } = run({ ...environment(), [`${P}TLS_DIRECTORY`]: missing })
  expect(await exit).toBe(78)
  expect(lines.at(-1)?.['msg']).toContain(missing)
})

test.each(['SIGTERM', 'SIGINT'] as const)('on %s it stops in order and exits 0', async (signal) => {
  const { child, lines, exit } = run(environment())
  await serving(child, lines)
  child.kill(signal)
  child.kill(signal)
  expect(await exit).toBe(0)
  expect(lines.at(-1)).toMatchObject({ msg: 'stopped' })
})

/** kind takes kind-config.yaml: its own decoder, which knows no unknown key, and its own validation say so. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { run } from '../cluster/command.ts'

const ROOT = join(import.meta.dirname, '../..')
const CONFIG = join(ROOT, 'kind-config.yaml')

interface KindCluster {
  Name: string
  Nodes: { Role: string; Image: string }[]
}

/** @throws ExecaError with kind's own sentence */
async function judgeByKind(file: string): Promise<KindCluster> {
  const environment = { CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' }
  const cwd = join(import.meta.dirname, 'kind')
  return JSON.parse(await run(['go', 'run', '.', file], { cwd, environment, timeoutMs: 240_000 }))
}

/** kind-config.yaml with one thing changed. */
async function changed(from: string, to: string): Promise<string> {
  const text = await readFile(CONFIG, 'utf8')
  expect(text).toContain(from)
  const folder = await mkdtemp(join(tmpdir(), 'kind-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'kind-config.yaml')
  await writeFile(file, text.replace(from, to))
  return file
}

test('kind takes the configuration, with a control plane and two workers', async () => {
  const { Name, Nodes } = await judgeByKind(CONFIG)
  expect(Nodes.map(({ Role }) => Role)).toEqual(['control-plane', 'worker', 'worker'])
  for (const { Image } of Nodes) expect(Image).toMatch(/^kindest\/node:v1\./)
  expect(await readFile(join(ROOT, 'Makefile'), 'utf8')).toContain(`--name ${Name}`)
})

test.each([
  { what: 'an unknown key', from: 'role: worker', to: 'rolle: worker', says: 'field rolle not found' },
  { what: 'an unknown role', from: 'role: worker', to: 'role: wroker', says: 'wroker' },
  { what: 'another version', from: 'v1alpha4', to: 'v1alpha9', says: 'v1alpha9' },
  { what: 'a bad name', from: 'name: token-projector', to: 'name: Token', says: 'not a valid cluster name' },
])('kind refuses $what, so the test above can fail', async ({ from, to, says }) => {
  await expect(judgeByKind(await changed(from, to))).rejects.toThrow(says)
})

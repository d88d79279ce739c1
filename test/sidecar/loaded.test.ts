/** What the process that runs beside every pod loads: nothing but our own files and a few of Node's modules. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { SidecarConfig } from '../../src/contract.ts'
import { startFakeSigner } from '../keeper/fake-signer.ts'
import { makeToken } from '../keeper/tokens.ts'
import { start } from './program.ts'

const signer = await startFakeSigner()
const root = mkdtempSync(join(tmpdir(), 'loaded-'))
afterAll(async () => {
  await signer.close()
  rmSync(root, { recursive: true })
})

const config: SidecarConfig = {
  version: 1,
  signer: { url: signer.url, caBundle: signer.caBundle },
  identityTokenFile: join(root, 'identity'),
  directory: root,
  fileMode: '0644',
  opsPort: 0,
  tokens: [{ name: 'default', audience: 'vault', ttlSeconds: 3600 }],
  files: [],
  startDeadlineSeconds: 30,
  localApi: [],
}
const hook = new URL('./loaded.ts', import.meta.url).href

async function loadedBy(program: 'sidecar' | 'wait', args: string[]): Promise<{ urls: string[]; builtins: string[] }> {
  writeFileSync(join(root, 'identity'), makeToken())
  const run = start(program, args, config, { node: ['--import', hook] })
  expect(await run.exitCode).toBe(0)
  const line = run
    .output()
    .split('\n')
    .find((one) => one.startsWith('LOADED '))
  return JSON.parse(line?.slice('LOADED '.length) ?? 'null')
}

const nodes = (urls: string[]) => urls.filter((url) => url.startsWith('node:')).sort()
const others = (urls: string[]) => urls.filter((url) => !url.startsWith('node:') && !/\/src\/[^?]+\.ts$/.test(url))

test('the sidecar fetches a token with neither a package nor global fetch', async () => {
  const { urls, builtins } = await loadedBy('sidecar', ['once'])
  expect(others(urls)).toEqual([])
  expect(nodes(urls)).toEqual(['node:crypto', 'node:dns', 'node:fs', 'node:https', 'node:path', 'node:tls'])
  expect(urls.filter((url) => /\/src\/(?:config|log|service|watch)\.ts$/.test(url))).toEqual([])
  expect(builtins.filter((name) => /undici|sqlite|webstreams\/adapters/.test(name))).toEqual([])
})

test('waiting loads no network', async () => {
  const { urls, builtins } = await loadedBy('wait', [])
  expect(others(urls)).toEqual([])
  expect(nodes(urls)).toEqual(['node:fs', 'node:path'])
  expect(builtins.filter((name) => /^NativeModule (?:https?|tls|dns|crypto|undici)$/.test(name))).toEqual([])
})

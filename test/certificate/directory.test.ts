/** A certificate that changes under a running process. */
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { readTls, watchTls } from '../../src/certificate/directory.ts'
import { createAuthority, issueLeaf, type KeyedCertificate } from '../../src/certificate/issue.ts'
import { createLog } from '../../src/log.ts'

const now = new Date()
const authority = await createAuthority('test root', now)
const leaf = () => issueLeaf(authority, { dns: ['a.test'] }, now)
const silent = createLog('error', 'test', () => {})

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'token-projector-tls-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

async function write(path: string, pair: KeyedCertificate): Promise<void> {
  await writeFile(join(path, 'tls.crt'), pair.certificate)
  await writeFile(join(path, 'tls.key'), pair.privateKey)
}

test('a key that belongs to another certificate is refused and the folder is named', async () => {
  const path = await folder()
  await write(path, { certificate: (await leaf()).certificate, privateKey: (await leaf()).privateKey })
  await expect(readTls(path)).rejects.toMatchObject({
    exitCode: 78,
    message: expect.stringContaining(`TOKEN_PROJECTOR_TLS_DIRECTORY ${path} must hold a matching tls.crt and tls.key`),
  })
})

test('a folder that is swapped behind a symlink, as the kubelet does it, is read again', async () => {
  const path = await folder()
  const first = await leaf()
  await mkdir(join(path, '..one'))
  await write(join(path, '..one'), first)
  await symlink('..one', join(path, '..data'))
  for (const name of ['tls.crt', 'tls.key']) await symlink(`..data/${name}`, join(path, name))
  const source = await watchTls(path, silent)
  onTestFinished(() => source.close())
  const seen: string[] = []
  source.onChange((pair) => seen.push(pair.cert))

  const second = await leaf()
  await mkdir(join(path, '..two'))
  await write(join(path, '..two'), second)
  await symlink('..two', join(path, '..data_tmp'))
  await rename(join(path, '..data_tmp'), join(path, '..data'))
  await vi.waitFor(() => expect(source.current()?.cert).toBe(second.certificate), 5000)
  expect(seen).toEqual([second.certificate])
})

test('an unusable new pair leaves the old one in force, and the next good one is taken', async () => {
  const path = await folder()
  const first = await leaf()
  await write(path, first)
  const lines: string[] = []
  const source = await watchTls(
    path,
    createLog('error', 'test', (line) => lines.push(line)),
  )
  onTestFinished(() => source.close())

  await unlink(join(path, 'tls.key'))
  await vi.waitFor(() => expect(lines.join('')).toContain('the old one stays in force'), 5000)
  expect(source.current()?.cert).toBe(first.certificate)

  const second = await leaf()
  await write(path, second)
  await vi.waitFor(() => expect(source.current()?.cert).toBe(second.certificate), 5000)
  expect(lines.join('')).not.toContain('PRIVATE KEY')
})

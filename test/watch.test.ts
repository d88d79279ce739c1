/** A directory that changes is noticed, however one gets to it. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createLog } from '../src/log.ts'
import { watchDirectory } from '../src/watch.ts'

const silent = createLog('error', 'test', () => {})

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'token-projector-watch-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

test.each(['itself', 'through a link'])('a new file in a directory that is reached %s is noticed', async (way) => {
  const root = await folder()
  const real = join(root, 'real')
  await mkdir(real)
  await symlink('real', join(root, 'link'))
  const seen = vi.fn()
  const end = await watchDirectory(way === 'itself' ? real : join(root, 'link'), seen, silent)
  onTestFinished(end)
  await writeFile(join(real, 'tls.crt'), 'new')
  await vi.waitFor(() => expect(seen).toHaveBeenCalled(), 5000)
})

test('a watch that has ended calls nobody back and keeps no process alive', async () => {
  const path = await folder()
  const seen = vi.fn()
  const end = await watchDirectory(path, seen, silent)
  await end()
  await writeFile(join(path, 'late'), '')
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(seen).not.toHaveBeenCalled()
  expect(process.getActiveResourcesInfo().filter((kind) => kind === 'FSEventWrap')).toEqual([])
})

/** A story: `make cluster` twice, its kubectl, `make cluster-down` twice. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { run } from './command.ts'
import { createOwnCache } from './own-cache.ts'

const { environment, directory, remove } = await createOwnCache()

const main = (command: string) =>
  run([process.execPath, join(import.meta.dirname, 'main.ts'), command], { environment })
const called = (name: string, ...args: string[]) =>
  run([join(import.meta.dirname, 'bin', name), ...args], { environment })

afterAll(async () => {
  await main('down')
  await remove()
})

test('without a cluster the way in says how to get one', async () => {
  await expect(called('kubectl', 'get', 'nodes')).rejects.toThrow('no cluster is up: run `make cluster`')
})

test('the cluster stays up when the command that started it has ended', async () => {
  expect(await main('up')).toContain('is up. To reach it')
  expect(await called('kubectl', 'get', 'nodes', '--output=name')).toBe('node/node1\n')
  expect(await called('helm', 'list', '--short')).toBe('')
  expect(await called('enter', 'ip', '-brief', 'address')).toContain('10.89.0.1')
})

test('a second start finds it', async () => {
  expect(await main('up')).toContain('is up already')
})

test('taken down, it leaves nothing but what was built', async () => {
  expect(await main('down')).toBe('the cluster is gone\n')
  await expect(access(join(directory, 'clusters', 'standing'))).rejects.toThrow('ENOENT')
  await expect(called('kubectl', 'get', 'nodes')).rejects.toThrow('no cluster is up')
  expect(await main('down')).toBe('no cluster is up\n')
})

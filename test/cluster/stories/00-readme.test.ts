/** Story 0: what a newcomer copies from the README, line by line, ends with a pod that says whose token it has. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { run } from '../command.ts'
import { createOwnCache } from '../own-cache.ts'

const ROOT = join(import.meta.dirname, '../../..')
const readme = await readFile(join(ROOT, 'README.md'), 'utf8')
const [, section = ''] = readme.split(/^## On a cluster$/m)
const [, lines = ''] = /^```sh\n(.*?)^```/ms.exec(section) ?? []
const [, says = ''] = /The pod says `([^`]+)`/.exec(section) ?? []

const { environment, remove } = await createOwnCache()
afterAll(async () => {
  await run(['make', 'cluster-down'], { cwd: ROOT, environment })
  await remove()
})

test('the lines of the README, copied, end with what it says', async () => {
  expect(lines).toContain('helm install')
  expect(says).not.toBe('')
  // Sourced by one shell, which stops at the first line that fails.
  const said = await run(['sh', '-e'], { cwd: ROOT, environment, input: lines, timeoutMs: 300_000 })
  expect(said.trimEnd().split('\n').at(-1)).toBe(says)
}, 320_000)

/** The last release, made again from the history: its chart and its image, for the story that upgrades from it. */
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../command.ts'
import { cacheDirectory } from '../paths.ts'
import type { Step } from '../steps.ts'
import type { Release } from './installation.ts'

const ROOT = join(import.meta.dirname, '../../..')
const BUILD_TIMEOUT_MS = 600_000

const git = async (...args: string[]) => (await run(['git', '-C', ROOT, ...args])).trim()

/**
 * Builds it as its own Makefile does, once: what is released does not change, so that the cache keeps it.
 * @throws Error when the history does not reach back to it, or its build fails
 */
export async function lastRelease(step: Step): Promise<Release> {
  const commit = await releaseCommit()
  const kept = join(cacheDirectory(process.env), '..', 'releases', commit)
  const release = { chart: join(kept, 'chart'), image: join(kept, 'image.tar') }
  if (await exists(kept)) return release
  await step(`built the last release, ${commit.slice(0, 12)}`, () => build(commit, kept))
  return release
}

/** By its tag; in a clone without tags by the change that opened the version after it. */
async function releaseCommit(): Promise<string> {
  const tag = await git('describe', '--tags', '--abbrev=0', '--match=v*').catch(() => undefined)
  if (tag !== undefined) return git('rev-list', '-1', tag)
  const opened = await git('log', '-1', '--format=%H', '-G^  "version": ', '--', 'package.json')
  return git('rev-parse', '--verify', `${opened}^`).catch((cause) => {
    throw new Error('the history does not reach back to the last release: git fetch --unshallow --tags', { cause })
  })
}

async function build(commit: string, kept: string): Promise<void> {
  const checkout = await mkdtemp(join(tmpdir(), 'token-projector-release-'))
  try {
    const archive = join(checkout, 'tree.tar')
    await git('archive', `--output=${archive}`, commit)
    await run(['tar', '--extract', '--file', archive, '--directory', checkout])
    await run(['make', 'image'], { cwd: checkout, timeoutMs: BUILD_TIMEOUT_MS })
    const partial = join(checkout, 'kept')
    await mkdir(partial)
    await rename(join(checkout, 'charts/token-projector'), join(partial, 'chart'))
    await rename(join(checkout, 'dist/image.tar'), join(partial, 'image.tar'))
    await mkdir(join(kept, '..'), { recursive: true })
    await run(['cp', '--recursive', partial, `${kept}.partial`])
    await rename(`${kept}.partial`, kept)
  } finally {
    await rm(checkout, { recursive: true, force: true })
    await rm(`${kept}.partial`, { recursive: true, force: true })
  }
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )

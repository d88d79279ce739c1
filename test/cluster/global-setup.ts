/** Builds what clusters and stories need before the first test's clock starts: programs, and this tree's image. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { bundlePrograms } from '../../image/bundle.ts'
import { buildImage } from '../image/build.ts'
import { prepare } from './cluster.ts'
import { createStep } from './steps.ts'

/** @returns what removes the image again */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const step = createStep((line) => process.stderr.write(line))
  await prepare(step)
  const directory = await mkdtemp(join(tmpdir(), 'token-projector-stories-'))
  const archive = join(directory, 'image.tar')
  await bundlePrograms('dist')
  await buildImage({ archive }, step)
  project.provide('image', archive)
  return () => rm(directory, { recursive: true })
}

/** Builds helm, kubectl and the API server before the first test's clock starts, and tells the tests where they are. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { cacheDirectory } from '../cluster/paths.ts'
import { buildPrograms } from '../cluster/programs.ts'
import { createStep } from '../cluster/steps.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder that holds helm, kubectl, kube-apiserver, kube-controller-manager and etcd. */
    programs: string
    /** A folder for what helm and tests write; gone when the last test is. */
    scratch: string
  }
}

/** @returns what is done after the last test */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const step = createStep((line) => process.stderr.write(line))
  const { kubernetes } = await buildPrograms(cacheDirectory(process.env), step)
  provide('programs', kubernetes)
  const scratch = await mkdtemp(join(tmpdir(), 'token-projector-chart-'))
  provide('scratch', scratch)
  return () => rm(scratch, { recursive: true })
}

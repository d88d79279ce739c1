/** Builds what clusters need before the first test's clock starts. */
import { prepare } from './cluster.ts'
import { createStep } from './steps.ts'

export async function setup(): Promise<void> {
  await prepare(createStep((line) => process.stderr.write(line)))
}

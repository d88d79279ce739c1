/** The program behind `make image`: builds dist/image.tar and prints what it holds. */
import { stat } from 'node:fs/promises'
import { createStep } from '../cluster/steps.ts'
import { buildImage, IMAGE_REFERENCE } from './build.ts'

const ARCHIVE = 'dist/image.tar'

await buildImage(
  { archive: ARCHIVE },
  createStep((line) => process.stdout.write(line)),
)
const { size } = await stat(ARCHIVE)
process.stdout.write(`${ARCHIVE} (${(size / 1024 ** 2).toFixed(0)} MiB) holds ${IMAGE_REFERENCE}\n`)

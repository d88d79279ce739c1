/** The program behind `make bundle`: bundles every process into dist/ and prints what came out. */
import { bundlePrograms } from './bundle.ts'

const DIRECTORY = 'dist'

for (const { name, bytes, packages } of await bundlePrograms(DIRECTORY)) {
  const size = `${(bytes / 1024).toFixed(0)} KiB`
  process.stdout.write(`${DIRECTORY}/${name.padEnd(18)} ${size.padStart(9)}  ${packages.length} packages\n`)
}

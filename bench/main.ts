/** `npm run -s bench -- NAME`: runs one measurement; progress goes to standard error, the last line is one JSON object. */
import { globSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Measure } from './measure.ts'

const FOLDER = join(import.meta.dirname, 'measurements')
const [name = '', ...args] = process.argv.slice(2)
const names = globSync('*.ts', { cwd: FOLDER })
  .map((file) => basename(file, '.ts'))
  .sort()

if (!names.includes(name)) {
  process.stderr.write(`usage: npm run -s bench -- ${names.join(' | ')}\n`)
  process.exit(64)
}
const { measure } = (await import(join(FOLDER, `${name}.ts`))) as { measure: Measure }
const result = await measure({ args, say: (line) => void process.stderr.write(`${line}\n`) })
process.stdout.write(`${JSON.stringify(result)}\n`)

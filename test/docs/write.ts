/** Writes the generated tables into the reference pages: `npm run docs`. */
import { writeFileSync } from 'node:fs'
import { pagePath, readPage, withTable } from './pages.ts'
import { TABLES } from './tables.ts'

for (const [name, { page, rows }] of Object.entries(TABLES)) {
  writeFileSync(pagePath(page), withTable(readPage(page), name, await rows()))
}

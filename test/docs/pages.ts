/** Finds and replaces the generated tables within the reference pages. */
import { readFileSync } from 'node:fs'

const folder = new URL('../../docs/reference/', import.meta.url)

export function pagePath(page: string): string {
  return new URL(page, folder).pathname
}

/** The page with the table called `name` replaced by `rows`. @throws when the page has no such place */
export function withTable(text: string, name: string, rows: readonly string[]): string {
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`]
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  if (from === -1 || to === -1) throw new Error(`no place for the table ${name}`)
  return `${text.slice(0, from + begin.length)}\n${rows.join('\n')}\n${text.slice(to)}`
}

export function readPage(page: string): string {
  return readFileSync(pagePath(page), 'utf8')
}

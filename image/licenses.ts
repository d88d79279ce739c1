/** Collects what the authors of bundled packages ask to be passed on: names, versions, licences, notices. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const LEGAL_FILE = /^(?:licen[cs]e|copying|notice)/i

/**
 * @param folders of packages, such as `node_modules/jose`
 * @param comments legal comments of their sources
 */
export async function licensesOf(root: string, folders: readonly string[], comments: string): Promise<string> {
  const chapters = await Promise.all([...folders].sort().map((folder) => chapterOf(join(root, folder))))
  const opening = 'The programs in this folder hold these packages, whose authors ask for this to be passed on.\n'
  return [opening, ...chapters, `Comments of their sources that speak of licences:\n\n${comments}`].join(RULE)
}

const RULE = `\n${'─'.repeat(80)}\n\n`

/** @throws Error when a package names no licence: then it must not be passed on */
async function chapterOf(folder: string): Promise<string> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  if (typeof license !== 'string') throw new Error(`${name} ${version} names no licence in its package.json`)
  const files = (await readdir(folder)).filter((file) => LEGAL_FILE.test(file)).sort()
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
  return [`${name} ${version} (${license})`, ...texts.map((text) => text.trim())].join('\n\n')
}

/** What is documented is true: tables, variables, links, examples, commands, and the picture of the house. */
import { execFile } from 'node:child_process'
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { parsePolicies } from '../src/policy/document.ts'
import { SIGNER_VARIABLES } from '../src/signer/config.ts'
import { parseSettings } from '../src/signer/config-file.ts'
import { VERSION } from '../src/version.ts'
import { WEBHOOK_VARIABLES } from '../src/webhook/config.ts'
import { RULES } from './architecture/rules.ts'
import { readPage, withTable } from './docs/pages.ts'
import { TABLES } from './docs/tables.ts'

const root = new URL('..', import.meta.url).pathname
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const pages = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', 'charts/**/*.md'], { cwd: root }).sort()

test.each(Object.entries(TABLES))(
  'the table of %s is what the code says; `npm run docs` writes it',
  async (name, { page, rows }) => {
    expect(readPage(page)).toBe(withTable(readPage(page), name, await rows()))
  },
)

test('the documented variables are those that the processes read, each by the process that is marked', () => {
  const rows = [...readPage('configuration.md').matchAll(/^\| `([A-Z_]+)` \| (✓?) ?\| (✓?) ?\|/gm)]
  const marked = (column: number) =>
    rows
      .filter((row) => row[column] === '✓')
      .map((row) => row[1])
      .sort()
  expect(marked(2)).toEqual([...WEBHOOK_VARIABLES].sort())
  expect(marked(3)).toEqual([...SIGNER_VARIABLES].sort())
})

test.each(pages)('every link in %s leads somewhere', (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map((match) => match[1] ?? '')
  expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([])
})

function blocks(page: string, language: string): string[] {
  return [...read(page).matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    (match) => match[1] ?? '',
  )
}

const policies = pages.flatMap((page) =>
  blocks(page, 'yaml')
    .filter((text) => text.includes('kind: AudiencePolicy'))
    .map((text) => [page, text] as const),
)

test.each(policies)('the policy in %s is valid', (page, text) => {
  const { problems, policies: parsed } = parsePolicies(text, page)
  expect([problems, parsed.length]).toEqual([[], 1])
})

test('the signer.yaml in the reference is valid', () => {
  const text = blocks('docs/reference/configuration.md', 'yaml').find((block) => block.startsWith('issuers:')) ?? ''
  expect(parseSettings(text, 'signer.yaml')).not.toHaveProperty('problems')
})

test('the targets of make that are named exist', () => {
  const named = pages.flatMap((page) =>
    blocks(page, 'sh').flatMap((text) => [...text.matchAll(/^make ([a-z-]+)/gm)].map((match) => match[1])),
  )
  expect(named).toContain('demo')
  for (const target of named) expect(read('Makefile')).toMatch(new RegExp(`^${target}:`, 'm'))
})

const commands = pages.flatMap((page) =>
  blocks(page, 'sh').flatMap((text) => text.split('\n').filter((line) => line.startsWith('./bin/'))),
)

test.each(commands)('%s works as it is written', async (command) => {
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { cwd: root, timeout: 25_000 })
  expect(stdout).not.toMatch(/eyJ[A-Za-z0-9_-]{10,}/)
})

test('the version is the same wherever it is written', () => {
  expect(read('charts/token-projector/Chart.yaml')).toMatch(
    new RegExp(`^version: ${VERSION}\\nappVersion: "${VERSION}"$`, 'm'),
  )
  expect(read('examples/hello/pod.yaml')).toContain(`image: token-projector:${VERSION}\n`)
  expect(read('docs/reference/image.md')).toContain(`--build-arg VERSION=${VERSION} `)
})

test('the picture in ARCHITECTURE.md matches the folders', () => {
  const picture = blocks('ARCHITECTURE.md', '')[0] ?? ''
  const drawn = drawnPaths(picture)
  expect(drawn.filter((path) => !existsSync(join(root, path)))).toEqual([])
  const isKept = (path: string) => !['.git/', 'node_modules/', '.cache/', 'dist/', 'coverage/'].includes(path)
  const real = [...listed(''), ...listed('src/'), ...listed('test/').filter((path) => path.endsWith('/'))].filter(
    isKept,
  )
  const mirrored = (path: string) => path.startsWith('test/') && existsSync(join(root, path.replace('test/', 'src/')))
  expect(real.filter((path) => !drawn.includes(path) && !mirrored(path))).toEqual([])
})

/** `src/` and, indented below it, `  webhook/   …`; a line without a description may name several. */
function drawnPaths(picture: string): string[] {
  let parent = ''
  return picture.split('\n').flatMap((line) => {
    if (line.startsWith('  ')) return [parent + (line.trim().split(/\s{2,}/)[0] ?? '')]
    const names = line.split(/\s{2,}/).filter((name) => /^[\w.-]+\/?$/.test(name))
    parent = names[0] ?? ''
    return names
  })
}

function listed(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).map(
    (entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`,
  )
}

test('every rule of the house is in ARCHITECTURE.md', () => {
  const documented = [...read('ARCHITECTURE.md').matchAll(/^\| `([a-z-]+)` \|/gm)].map((match) => match[1])
  expect(documented.sort()).toEqual(Object.keys(RULES).sort())
})

/** The house keeps its rules, and every rule catches a seeded violation. */
import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { RULES, type Violation, violations } from './architecture/rules.ts'
import { readSource } from './architecture/source.ts'

const root = new URL('..', import.meta.url).pathname
const read = (path: string) => readSource(path, readFileSync(root + path, 'utf8'))
const sources = globSync('src/**/*.ts', { cwd: root }).sort().map(read)

test('the house keeps every rule', () => {
  expect(violations(sources).map(({ rule, path, what }) => `${rule}: ${path}: ${what}`)).toEqual([])
})

/** A small house in order: every seed below is one change to it. */
const HOUSE: Record<string, string> = {
  'src/contract.ts': '/** Names. Pure. */\nexport const NAME = 1',
  'src/policy/decide.ts':
    "/** Decides. Pure. */\nimport { NAME } from '../contract.ts'\nexport const decide = () => NAME",
  'src/webhook/app.ts': "/** Wires. */\nexport { decide } from '../policy/decide.ts'",
  'src/webhook/main.ts': "/** Starts. */\nimport { decide } from './app.ts'\nprocess.exit(decide())",
  'src/signer/app.ts': "/** Wires. */\nimport { decide } from '../policy/decide.ts'\nexport const app = decide",
  'src/sidecar/main.ts': "/** Starts. */\nimport { NAME } from '../contract.ts'\nprocess.exit(NAME)",
}

function judge(change: Record<string, string>): Violation[] {
  return violations(Object.entries({ ...HOUSE, ...change }).map(([path, text]) => readSource(path, text)))
}

test('the small house that the seeds are planted in is in order', () => {
  expect(judge({})).toEqual([])
})

const seeds: [keyof typeof RULES, string, Record<string, string>][] = [
  ['opens-with-a-sentence', 'no comment', { 'src/contract.ts': 'export const NAME = 1' }],
  [
    'siblings-apart',
    'a type of a sibling',
    {
      'src/webhook/app.ts':
        "/** Wires. */\nimport type { App } from '../signer/app.ts'\nexport const app: App = 1\nexport { decide } from '../policy/decide.ts'",
    },
  ],
  [
    'siblings-apart',
    'import() of a sibling',
    {
      'src/webhook/app.ts':
        "/** Wires. */\nexport { decide } from '../policy/decide.ts'\nexport const late = () => import('../signer/app.ts')",
    },
  ],
  [
    'siblings-apart',
    'an import type expression',
    {
      'src/webhook/app.ts':
        "/** Wires. */\nexport { decide } from '../policy/decide.ts'\nexport type App = import('../signer/app.ts').App",
    },
  ],
  [
    'siblings-apart',
    're-export of a sibling',
    {
      'src/webhook/app.ts':
        "/** Wires. */\nexport * from '../signer/app.ts'\nexport { decide } from '../policy/decide.ts'",
    },
  ],
  [
    'shared-imports-no-process',
    'policy imports the signer',
    {
      'src/policy/decide.ts': "/** Decides. */\nexport { app as decide } from '../signer/app.ts'",
      'src/signer/app.ts': '/** Wires. */\nexport const app = 1',
    },
  ],
  ['shared-has-two-users', 'only the webhook is left', { 'src/signer/app.ts': '/** Wires. */\nexport const app = 1' }],
  [
    'pure-imports-pure',
    'a node module',
    { 'src/policy/decide.ts': "/** Decides. Pure. */\nimport { join } from 'node:path'\nexport const decide = join" },
  ],
  ['pure-imports-pure', 'an impure file', { 'src/contract.ts': '/** Names. */\nexport const NAME = 1' }],
  [
    'pure-touches-nothing',
    'a clock',
    { 'src/policy/decide.ts': '/** Decides. Pure. */\nexport const decide = () => new Date()' },
  ],
  [
    'pure-touches-nothing',
    'randomness',
    { 'src/policy/decide.ts': '/** Decides. Pure. */\nexport const decide = () => Math.random()' },
  ],
  [
    'pure-touches-nothing',
    'a timer',
    { 'src/policy/decide.ts': '/** Decides. Pure. */\nexport const decide = () => setTimeout(() => {}, 1)' },
  ],
  [
    'one-door-per-library',
    'fastify in an app',
    {
      'src/signer/app.ts':
        "/** Wires. */\nimport fastify from 'fastify'\nexport { decide } from '../policy/decide.ts'\nexport const app = fastify",
    },
  ],
  [
    'main-holds-the-process',
    'the environment',
    {
      'src/signer/app.ts':
        "/** Wires. */\nexport { decide } from '../policy/decide.ts'\nexport const app = process.env.X",
    },
  ],
  [
    'main-holds-the-process',
    'the clock',
    {
      'src/signer/app.ts': "/** Wires. */\nexport { decide } from '../policy/decide.ts'\nexport const app = Date.now()",
    },
  ],
  [
    'main-holds-the-process',
    'global fetch',
    {
      'src/signer/app.ts': "/** Wires. */\nexport { decide } from '../policy/decide.ts'\nexport const app = { fetch }",
    },
  ],
  ['nobody-imports-main', 'an import of main', { 'src/webhook/extra.ts': "/** Extra. */\nexport * from './main.ts'" }],
  [
    'no-cycles',
    'two files',
    {
      'src/policy/decide.ts': "/** Decides. Pure. */\nexport { other as decide } from './other.ts'",
      'src/policy/other.ts':
        "/** Others. Pure. */\nimport type { decide } from './decide.ts'\nexport const other: typeof decide = 1",
    },
  ],
  [
    'sidecar-loads-no-package',
    'a package behind a shared file',
    { 'src/contract.ts': "/** Names. Pure. */\nimport { z } from 'zod'\nexport const NAME = z" },
  ],
]

test.each(seeds)('%s catches %s', (rule, _what, change) => {
  expect(judge(change).map((violation) => violation.rule)).toContain(rule)
})

test('every rule has a seeded violation', () => {
  expect([...new Set(seeds.map(([rule]) => rule))].sort()).toEqual(Object.keys(RULES).sort())
})

test('a parameter that is called like a global is not one', () => {
  const source = readSource('src/a.ts', '/** A. Pure. */\nexport const f = ({ fetch }: { fetch(): void }) => fetch()')
  expect([...source.globals]).toEqual([])
})

test('the doubles of outside parties import nothing of ours', () => {
  const doubles = globSync('test/doubles/**/*.ts', { cwd: root }).filter((path) => !path.endsWith('.test.ts'))
  expect(doubles.length).toBeGreaterThan(0)
  for (const path of doubles) {
    expect(read(path).imports.filter((one) => one.file?.startsWith('src/'))).toEqual([])
  }
})

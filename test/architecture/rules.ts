/** The rules of the house over parsed sources: who may import whom, what stays pure, and that nothing runs in circles. */
import type { Import, Source } from './source.ts'

/** A broken rule: its name, where, and what is wrong there. */
export interface Violation {
  rule: keyof typeof RULES
  path: string
  what: string
}

const PROCESSES = ['webhook', 'signer', 'sidecar', 'cli']
/** The keeper has one user today and is apart so that it knows nothing of pods; contract and errors are vocabulary. */
const MAY_HAVE_ONE_USER = ['src/keeper/']
const PURE_PACKAGES = ['zod', 'yaml', 'fastest-levenshtein']
const IMPURE = [
  'process',
  'fetch',
  'performance',
  'crypto',
  'console',
  'globalThis',
  'require',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'Date',
  'Date.now',
  'new Date()',
  'Math.random',
]
const MAIN_ONLY = [
  'process.env',
  'process.exit',
  'process.exitCode',
  'process.on',
  'process.once',
  'process.argv',
  'Date.now',
  'new Date()',
  'Math.random',
  'fetch',
]

/** Which files may load a package; a package that is not here may be loaded by one file. */
const DOORS: Record<string, readonly string[]> = {
  fastify: ['src/service.ts'],
  '@fastify/formbody': ['src/service.ts'],
  chokidar: ['src/watch.ts'],
  pino: ['src/log.ts'],
  '@peculiar/x509': ['src/certificate/issue.ts'],
  'prom-client': ['src/webhook/metrics.ts', 'src/signer/metrics.ts'],
}
/** Vocabulary rather than effect: these may be loaded wherever values are judged. */
const EVERYWHERE = PURE_PACKAGES
const MOST_DOORS = 2

type Rule = (source: Source, tree: Tree) => string[]

interface Tree {
  all: readonly Source[]
  byPath: ReadonlyMap<string, Source>
}

export const RULES = {
  'opens-with-a-sentence': ({ firstLine }) => (/^[A-Z`"].*[.:]$/.test(firstLine) ? [] : [firstLine]),

  'siblings-apart': (source) => {
    const own = processOf(source.path)
    if (own === undefined || own === 'cli') return []
    return files(source).filter((file) => processOf(file) !== undefined && processOf(file) !== own)
  },

  'shared-imports-no-process': (source) =>
    processOf(source.path) !== undefined ? [] : files(source).filter((file) => processOf(file) !== undefined),

  'shared-has-two-users': (source, tree) => {
    if (processOf(source.path) !== undefined) return []
    if (MAY_HAVE_ONE_USER.some((folder) => source.path.startsWith(folder))) return []
    const users = usersOf(roomOf(source.path), tree)
    return users.length >= 2 ? [] : [`used by ${users.join(' ') || 'nobody'}`]
  },

  'pure-imports-pure': (source, tree) => {
    if (!source.isPure) return []
    return source.imports.filter((one) => !one.typeOnly && !isPureImport(one, tree)).map((one) => one.specifier)
  },

  'pure-touches-nothing': (source) => (source.isPure ? IMPURE.filter((name) => source.globals.has(name)) : []),

  'one-door-per-library': (source, tree) =>
    packages(source)
      .filter((name) => !mayLoad(name, source.path, tree))
      .map((name) => `${name} belongs behind ${DOORS[name]?.join(' or ') ?? `at most ${MOST_DOORS} files`}`),

  'main-holds-the-process': (source) =>
    isMain(source.path) ? [] : MAIN_ONLY.filter((name) => source.globals.has(name)),

  'nobody-imports-main': (source) => files(source).filter(isMain),

  'no-cycles': (source, tree) => {
    const way = wayBack(source.path, tree)
    return way === undefined ? [] : [way.join(' → ')]
  },

  'sidecar-loads-no-package': (source, tree) => {
    if (!/^src\/sidecar\/(?:.*\/)?main\.ts$/.test(source.path)) return []
    return [...reach(source.path, tree)].flatMap((path) => {
      const reached = tree.byPath.get(path)
      return reached === undefined ? [] : packages(reached).map((name) => `${name} through ${path}`)
    })
  },
} as const satisfies Record<string, Rule>

/** Every broken rule in `sources`, which hold everything under src/. */
export function violations(sources: readonly Source[]): Violation[] {
  const tree: Tree = { all: sources, byPath: new Map(sources.map((source) => [source.path, source])) }
  return sources.flatMap((source) =>
    Object.entries(RULES).flatMap(([rule, judge]) =>
      (judge as Rule)(source, tree).map((what) => ({ rule: rule as Violation['rule'], path: source.path, what })),
    ),
  )
}

function processOf(path: string): string | undefined {
  const folder = path.split('/')[1]
  return PROCESSES.find((name) => name === folder)
}

function isMain(path: string): boolean {
  return path.endsWith('/main.ts')
}

function files(source: Source): string[] {
  return source.imports.flatMap((one) => (one.file === undefined ? [] : [one.file]))
}

/** Run-time packages, `@scope/name/deep` as `@scope/name`. */
function packages(source: Source): string[] {
  const names = source.imports
    .filter((one) => one.file === undefined && !one.typeOnly && !one.specifier.startsWith('node:'))
    .map((one) => /^(?:@[^/]+\/)?[^/]+/.exec(one.specifier)?.[0] ?? one.specifier)
  return [...new Set(names)]
}

function isPureImport(one: Import, tree: Tree): boolean {
  if (one.file === undefined) return PURE_PACKAGES.includes(one.specifier)
  return one.file.endsWith('.json') || tree.byPath.get(one.file)?.isPure === true
}

function mayLoad(name: string, path: string, tree: Tree): boolean {
  if (EVERYWHERE.includes(name)) return true
  const doors = DOORS[name]
  if (doors !== undefined) return doors.includes(path)
  return tree.all.filter((source) => packages(source).includes(name)).length <= MOST_DOORS
}

/** A shared folder counts as one room, a file at the top of src as its own. */
function roomOf(path: string): string {
  const parts = path.split('/')
  return parts.length > 2 ? `${parts[0]}/${parts[1]}/` : path
}

/** The processes whose files reach into `room`, through other shared rooms too. */
function usersOf(room: string, tree: Tree): string[] {
  return PROCESSES.filter((name) =>
    tree.all
      .filter((source) => processOf(source.path) === name)
      .some((source) => [...reachOfAny(source.path, tree)].some((path) => path.startsWith(room))),
  )
}

function reach(path: string, tree: Tree): Set<string> {
  return follow(path, tree, (one) => !one.typeOnly)
}

function reachOfAny(path: string, tree: Tree): Set<string> {
  return follow(path, tree, () => true)
}

function follow(path: string, tree: Tree, wanted: (one: Import) => boolean): Set<string> {
  const seen = new Set<string>()
  const open = [path]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue
    seen.add(next)
    for (const one of tree.byPath.get(next)?.imports ?? [])
      if (one.file !== undefined && wanted(one)) open.push(one.file)
  }
  return seen
}

/** The shortest way from a file's imports back to it. */
function wayBack(path: string, tree: Tree): string[] | undefined {
  const seen = new Set<string>()
  const open: string[][] = [[path]]
  for (let way = open.shift(); way !== undefined; way = open.shift()) {
    const source = tree.byPath.get(way.at(-1) ?? path)
    for (const file of source === undefined ? [] : files(source)) {
      if (file === path) return [...way, path]
      if (seen.has(file)) continue
      seen.add(file)
      open.push([...way, file])
    }
  }
  return undefined
}

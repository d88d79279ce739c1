/** Reads the annotations of a pod into settings, or into everything that is wrong with them. Pure. */
import { isRefusal, type Refusal, refuse } from '../errors.ts'
import { PROVIDERS } from '../providers/index.ts'
import { badValue } from '../providers/value.ts'
import { nearestTo, recognize } from './annotations.ts'
import type { Values } from './asks.ts'
import type { PodFacts } from './facts.ts'
import { readTokens, type TokensReading } from './tokens.ts'
import { type Allotment, readChoice, readCpu, readFileMode, readMemory, readNames, readSeconds } from './value.ts'

/** A pod that is being deleted while its start waits is gone only when the wait ends, so this stays short. */
const START_DEADLINE_SECONDS = { minimum: 1, maximum: 300, default: 30 } as const

export type Start = 'hook' | 'init' | 'now'

export interface Settings extends TokensReading {
  /** Names of containers; absent means all. */
  containers: string[] | undefined
  skipContainers: string[]
  start: Start
  /** 0 where the start does not wait. */
  startDeadlineSeconds: number
  onConflict: 'refuse' | 'keep'
  /** Four octal digits. */
  fileMode: string
  cpu: Allotment | undefined
  memory: Allotment | undefined
}

/** @returns undefined where the pod carries no annotation with our prefix; every mistake at once where it carries a bad one */
export function readSettings(facts: PodFacts, prefix: string): Settings | Refusal[] | undefined {
  const own = Object.entries(facts.annotations)
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, value]) => [key.slice(prefix.length), value] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  if (own.length === 0) return undefined
  // What a pod may hold is only checked after us, so what we look at is bounded here.
  if (own.length > BOUNDS.annotations) return [tooMany(prefix, own.length)]
  const unusable = own.flatMap(([suffix, value]) => judge(prefix, suffix, value))
  const texts = new Map(own.filter((entry): entry is [string, string] => isWithinBounds(...entry)))
  const values: Values = {
    get: (suffix) => texts.get(suffix),
    key: (suffix) => prefix + suffix,
    suffixes: [...texts.keys()].filter((suffix) => recognize(suffix) !== undefined),
  }
  return assemble(values, facts, unusable)
}

/** More than sixteen tokens with all that can be said of each; Kubernetes' own limit of a name; any honest value. */
const BOUNDS = { annotations: 64, suffixCharacters: 63, valueCharacters: 4096 } as const

function isWithinBounds(suffix: string, value: unknown): boolean {
  return suffix.length <= BOUNDS.suffixCharacters && typeof value === 'string' && value.length <= BOUNDS.valueCharacters
}

function tooMany(prefix: string, count: number): Refusal {
  return refuse(
    'too-many-annotations',
    `${count} annotations begin with ${prefix}, and a pod may have ${BOUNDS.annotations}; remove some`,
  )
}

/** What is wrong with an annotation before its meaning is looked at. */
function judge(prefix: string, suffix: string, value: unknown): Refusal[] {
  if (suffix.length > BOUNDS.suffixCharacters) {
    const shown = `${prefix}${suffix.slice(0, BOUNDS.suffixCharacters)}...`
    const most = `at most ${BOUNDS.suffixCharacters} characters behind the slash`
    return [refuse('unknown-annotation', `${shown} is not known; an annotation has ${most}`)]
  }
  const key = prefix + suffix
  if (recognize(suffix) === undefined) {
    const nearest = prefix + nearestTo(suffix)
    return [refuse('unknown-annotation', `${key} is not known; the nearest known annotation is ${nearest}`)]
  }
  if (typeof value !== 'string') return [badValue(key, String(value), 'a string: put quotes around it')]
  if (value.length > BOUNDS.valueCharacters)
    return [badValue(key, value, `at most ${BOUNDS.valueCharacters} characters`)]
  return []
}

function assemble(values: Values, facts: PodFacts, unusable: readonly Refusal[]): Settings | Refusal[] {
  const tokens = readTokens(values, facts)
  const rest = readRest(values)
  const refusals = [
    ...unusable,
    ...(Array.isArray(tokens) ? tokens : []),
    ...unsupported(values),
    ...Object.values(rest).filter(isRefusal),
    ...contradictions(values),
  ]
  if (refusals.length > 0 || Array.isArray(tokens)) return refusals
  if (tokens.tokens.length === 0) return [notOptedIn(values)]
  return { ...tokens, ...(rest as Unrefused<typeof rest>) }
}

type Unrefused<Readings> = { [Key in keyof Readings]: Exclude<Readings[Key], Refusal> }

function readRest(values: Values) {
  const start = read(values, 'start', startOf, 'hook')
  const deadline = read(values, 'start-deadline-seconds', deadlineOf, START_DEADLINE_SECONDS.default)
  return {
    start,
    startDeadlineSeconds: start === 'now' && !isRefusal(deadline) ? 0 : deadline,
    containers: read(values, 'containers', readNames, undefined),
    skipContainers: read(values, 'skip-containers', readNames, []),
    onConflict: read(values, 'on-conflict', conflictOf, 'refuse'),
    fileMode: read(values, 'file-mode', readFileMode, '0644'),
    cpu: read(values, 'sidecar-cpu', readCpu, undefined),
    memory: read(values, 'sidecar-memory', readMemory, undefined),
  }
}

function read<Read, Fallback>(
  values: Values,
  suffix: string,
  parse: (key: string, value: string) => Read | Refusal,
  fallback: Fallback,
): Read | Fallback | Refusal {
  const value = values.get(suffix)
  return value === undefined ? fallback : parse(values.key(suffix), value)
}

const startOf = (key: string, value: string) => readChoice<Start>(key, value, ['hook', 'init', 'now'])
const conflictOf = (key: string, value: string) => readChoice<'refuse' | 'keep'>(key, value, ['refuse', 'keep'])
const deadlineOf = (key: string, value: string) => readSeconds(key, value, START_DEADLINE_SECONDS)

/** What the contract names and this version cannot do yet. */
function unsupported(values: Values): Refusal[] {
  const mode = read(values, 'mode', (key, value) => readChoice(key, value, ['native', 'classic', 'once']), 'native')
  const delivery = read(values, 'delivery', (key, value) => readChoice(key, value, ['sidecar', 'node']), 'sidecar')
  const refusals = [mode, delivery].filter(isRefusal)
  if (mode === 'classic' || mode === 'once') {
    const key = values.key('mode')
    refusals.push(refuse('mode-not-supported', `${key} is ${mode}, which this version cannot inject; use native`))
  }
  if (delivery === 'node') {
    const key = values.key('delivery')
    refusals.push(refuse('delivery-not-supported', `${key} is node, which this version does not have; use sidecar`))
  }
  if (values.get('local-api') !== undefined) {
    const key = values.key('local-api')
    refusals.push(refuse('delivery-not-supported', `${key} is reserved for a later version; remove it`))
  }
  return refusals
}

/** A value that would silently have no effect is a mistake too. */
function contradictions(values: Values): Refusal[] {
  if (values.get('start') !== 'now' || values.get('start-deadline-seconds') === undefined) return []
  const [deadline, start] = [values.key('start-deadline-seconds'), values.key('start')]
  return [refuse('bad-annotation-value', `${deadline} has no effect while ${start} is now; remove one of the two`)]
}

function notOptedIn(values: Values): Refusal {
  const known = ['audience', ...PROVIDERS.flatMap(({ triggers }) => triggers)].map(values.key).join(', ')
  const present = values.suffixes.map(values.key).join(', ')
  return refuse('not-opted-in', `${present} asks for no token; add one of ${known}, or remove it`)
}

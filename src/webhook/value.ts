/** Reads the values of single annotations: numbers, choices, lists, modes and quantities. Pure. */
import { closest } from 'fastest-levenshtein'
import type { Refusal } from '../errors.ts'
import { badValue } from '../providers/value.ts'

/** A whole number of seconds from `minimum` to `maximum`. */
export function readSeconds(
  key: string,
  value: string,
  { minimum, maximum }: { minimum: number; maximum: number },
): number | Refusal {
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
  if (seconds >= minimum && seconds <= maximum) return seconds
  return badValue(key, value, `a whole number of seconds from ${minimum} to ${maximum}`)
}

/** One of `choices`. */
export function readChoice<Choice extends string>(
  key: string,
  value: string,
  choices: readonly Choice[],
): Choice | Refusal {
  const found = choices.find((choice) => choice === value)
  if (found !== undefined) return found
  return badValue(key, value, `${inWords(choices)}; the nearest is ${closest(value, [...choices])}`)
}

const MAXIMUM_NAMES = 64

/** Names of containers, separated by commas, with spaces around them if one likes. */
export function readNames(key: string, value: string): string[] | Refusal {
  const names = value.split(',').map((name) => name.trim())
  if (names.length <= MAXIMUM_NAMES && names.every((name) => name !== '')) return [...new Set(names)]
  return badValue(key, value, `names of at most ${MAXIMUM_NAMES} containers, separated by commas`)
}

/** Readable by its owner, writable by nobody else; always four digits in the answer. */
export function readFileMode(key: string, value: string): string | Refusal {
  const digits = /^0?([46][04][04])$/.exec(value)?.[1]
  return digits === undefined
    ? badValue(key, value, 'an octal file mode from 0400 to 0644 that only the owner may write by')
    : `0${digits}`
}

/** `request[/limit]` as written; Kubernetes' own quantities. */
export interface Allotment {
  request: string
  limit?: string
}

/** Units that make sense for a small process, as factors; a number of bytes without one is a slip. */
const MEMORY_UNITS: Record<string, number> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, k: 1e3, M: 1e6, G: 1e9 }
const CPU_UNITS: Record<string, number> = { m: 0.001, '': 1 }
/** Under less, two Node starts take longer than the start deadline: at 5m 10 to 14 s, at 100m 1.3 s. */
const MINIMUM_CPU_LIMIT = 0.1
/** Node alone needs half of it. */
const MINIMUM_MEMORY_LIMIT = 32 * 2 ** 20

export const CPU_SHAPE = 'cpu as REQUEST or REQUEST/LIMIT, such as 5m or 20m/200m, the limit at least 100m'
export const MEMORY_SHAPE = 'memory as REQUEST or REQUEST/LIMIT, such as 32Mi or 32Mi/64Mi, the limit at least 32Mi'

export function readCpu(key: string, value: string): Allotment | Refusal {
  return readAllotment(key, value, CPU_UNITS, MINIMUM_CPU_LIMIT, CPU_SHAPE)
}

export function readMemory(key: string, value: string): Allotment | Refusal {
  return readAllotment(key, value, MEMORY_UNITS, MINIMUM_MEMORY_LIMIT, MEMORY_SHAPE)
}

function readAllotment(
  key: string,
  value: string,
  units: Record<string, number>,
  minimumLimit: number,
  shape: string,
): Allotment | Refusal {
  const [request = '', limit, ...more] = value.split('/')
  const asked = sizeOf(request, units)
  const most = limit === undefined ? Number.POSITIVE_INFINITY : sizeOf(limit, units)
  const usable = asked !== undefined && most !== undefined && asked <= most && most >= minimumLimit
  if (!usable || more.length > 0) return badValue(key, value, `${shape}, and not below the request`)
  return limit === undefined ? { request } : { request, limit }
}

/** The quantity as a number of cores or bytes. */
function sizeOf(quantity: string, units: Record<string, number>): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,12}(?:\.\d{1,3})?)([A-Za-z]{0,2})$/.exec(quantity) ?? []
  const factor = units[unit]
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor
}

function inWords(choices: readonly string[]): string {
  return choices.length === 1 ? choices.join('') : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`
}

/** Reads the parameters of AssumeRoleWithWebIdentity within the bounds of the API reference. Pure. */
import { type Fault, fault } from './fault.ts'

export interface AssumeParameters {
  roleArn: string
  roleSessionName: string
  webIdentityToken: string
  durationSeconds: number
}

const DEFAULT_DURATION_SECONDS = 3600
const DURATION_SECONDS = { minimum: 900, maximum: 43_200 }
const KNOWN = new Set(['Action', 'Version', 'RoleArn', 'RoleSessionName', 'WebIdentityToken', 'DurationSeconds'])

/** Length in characters and pattern of each text parameter; the name is the one that AWS's sentences use. */
const TEXTS = [
  { parameter: 'RoleArn', name: 'roleArn', minimum: 20, maximum: 2048, pattern: /^[\t\n\r -\ud7ff\ue000-\ufffd]+$/ },
  { parameter: 'RoleSessionName', name: 'roleSessionName', minimum: 2, maximum: 64, pattern: /^[\w+=,.@-]*$/ },
  { parameter: 'WebIdentityToken', name: 'webIdentityToken', minimum: 4, maximum: 20_000, pattern: /^\S*$/ },
] as const

/**
 * @returns the parameters, or `ValidationError` with one clause per mistake.
 * AWS repeats the offending value in its sentence; this does not, since it may be a token.
 */
export function parseAssumeParameters(form: URLSearchParams): AssumeParameters | Fault {
  const durationSeconds = Number(form.get('DurationSeconds') ?? DEFAULT_DURATION_SECONDS)
  const mistakes = [
    ...TEXTS.flatMap((text) => textMistakes(text, form.get(text.parameter))),
    ...durationMistakes(durationSeconds),
    ...[...new Set(form.keys())].flatMap((key) => keyMistakes(form, key)),
  ]
  if (mistakes.length > 0) return fault('ValidationError', sentenceOf(mistakes))
  return {
    roleArn: form.get('RoleArn') ?? '',
    roleSessionName: form.get('RoleSessionName') ?? '',
    webIdentityToken: form.get('WebIdentityToken') ?? '',
    durationSeconds,
  }
}

function textMistakes(text: (typeof TEXTS)[number], value: string | null): string[] {
  const at = `Value at '${text.name}' failed to satisfy constraint: Member must`
  if (value === null) return [`${at} not be null`]
  if (value.length < text.minimum) return [`${at} have length greater than or equal to ${text.minimum}`]
  if (value.length > text.maximum) return [`${at} have length less than or equal to ${text.maximum}`]
  return text.pattern.test(value) ? [] : [`${at} satisfy regular expression pattern: ${text.pattern.source}`]
}

function durationMistakes(seconds: number): string[] {
  const at = "Value at 'durationSeconds' failed to satisfy constraint: Member must"
  if (!Number.isSafeInteger(seconds)) return [`${at} be a whole number`]
  if (seconds < DURATION_SECONDS.minimum)
    return [`${at} have value greater than or equal to ${DURATION_SECONDS.minimum}`]
  if (seconds > DURATION_SECONDS.maximum) return [`${at} have value less than or equal to ${DURATION_SECONDS.maximum}`]
  return []
}

/** Session policies and tags are not played: a test that sends one must not believe that it was obeyed. */
function keyMistakes(form: URLSearchParams, key: string): string[] {
  if (!KNOWN.has(key)) return [`Parameter '${key.slice(0, 64)}' is not known to this test double`]
  return form.getAll(key).length > 1 ? [`Parameter '${key}' is repeated`] : []
}

function sentenceOf(mistakes: readonly string[]): string {
  const count = `${mistakes.length} validation error${mistakes.length === 1 ? '' : 's'} detected`
  return `${count}: ${mistakes.join('; ')}`
}

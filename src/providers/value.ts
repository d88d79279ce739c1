/** Checks single annotation values and words the refusals that name them. Pure. */
import { isRefusal, type Refusal, refuse } from '../errors.ts'
import { redact } from '../redact.ts'
import type { AnnotationValues, ProviderAnnotation } from './provider.ts'

/** What an annotation's value has to look like, and how to say so after "it must be". */
export interface Rule {
  pattern: RegExp
  shape: string
}

/** Every relying party takes visible ASCII up to 255 characters. */
export const AUDIENCE: Rule = { pattern: /^[\x21-\x7e]{1,255}$/, shape: '1 to 255 visible ASCII characters' }

/** Enough to recognize one's own value by. */
const SHOWN_CHARACTERS = 80

/** Longer text is cut before anything looks at it: callers choose it. */
const JUDGED_CHARACTERS = 4096

/** "No" to a value, showing it and what would be right; a token pasted there by mistake is not shown. */
export function badValue(key: string, value: string, shape: string): Refusal {
  const text = redact(value.slice(0, JUDGED_CHARACTERS))
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text
  return refuse('bad-annotation-value', `${key} is ${JSON.stringify(shown)}; it must be ${shape}`)
}

/** The value at `suffix` where it obeys `rule`; undefined where the annotation is absent. */
export function optional(values: AnnotationValues, suffix: string, rule: Rule): string | undefined | Refusal {
  const value = values.get(suffix)
  if (value === undefined || rule.pattern.test(value)) return value
  return badValue(values.key(suffix), value, rule.shape)
}

/** As {@link optional}, but the other annotations of its `family` cannot do without it. */
export function required(
  values: AnnotationValues,
  suffix: string,
  rule: Rule,
  family: readonly ProviderAnnotation[],
): string | Refusal {
  const value = optional(values, suffix, rule)
  if (value !== undefined) return value
  const sibling = family.find((annotation) => values.get(annotation.suffix) !== undefined)?.suffix ?? suffix
  return refuse('missing-annotation', `${values.key(sibling)} needs ${values.key(suffix)} beside it`)
}

/** `readings` where none is a refusal, else every refusal. */
export function allOf<Readings extends Record<string, unknown>>(
  readings: Readings,
): { [Key in keyof Readings]: Exclude<Readings[Key], Refusal> } | Refusal[] {
  const refusals = Object.values(readings).filter(isRefusal)
  if (refusals.length > 0) return refusals
  return readings as { [Key in keyof Readings]: Exclude<Readings[Key], Refusal> }
}

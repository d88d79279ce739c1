/** Finds the annotations that ask for a token, and what each of them gives a container. Pure. */
import { type Refusal, refuse } from '../errors.ts'
import { PROVIDERS } from '../providers/index.ts'
import type { AnnotationValues, Provision } from '../providers/provider.ts'
import { AUDIENCE, badValue } from '../providers/value.ts'
import { recognize } from './annotations.ts'
import type { PodFacts } from './facts.ts'

const DEFAULT_TOKEN = 'default'
const TOKEN_NAME = /^[a-z0-9](?:[a-z0-9-]{0,49}[a-z0-9])?$/

/** The pod's annotations with our prefix, by suffix; every one of them known. */
export interface Values extends AnnotationValues {
  suffixes: readonly string[]
}

/** One token, as far as its annotations could be read. */
export interface Ask {
  name: string
  /** Suffix of the annotation that asks for it. */
  askedBy: string
  trigger?: string
  provision: Provision | Refusal[]
}

/** One for `audience`, each `audience.<name>` and each provider; a bad one keeps its name, so that others may refer to it. */
export function readAsks(values: Values, facts: PodFacts): Ask[] {
  return [...audienceAsks(values), ...providerAsks(values, facts)]
}

function audienceAsks(values: Values): Ask[] {
  return ofBase(values, 'audience').map(({ suffix, token, value }) => {
    const name = token ?? DEFAULT_TOKEN
    if (token !== undefined && !TOKEN_NAME.test(token)) {
      return { name, askedBy: suffix, provision: [badTokenName(values.key(suffix), token)] }
    }
    if (!AUDIENCE.pattern.test(value)) {
      return { name, askedBy: suffix, provision: [badValue(values.key(suffix), value, AUDIENCE.shape)] }
    }
    return { name, askedBy: suffix, provision: { token: { name, audience: value }, variables: [], files: [] } }
  })
}

function badTokenName(key: string, name: string): Refusal {
  return refuse(
    'unknown-annotation',
    `${key} ends in ${JSON.stringify(name)}; the name of a token has 1 to 51 lower-case letters, digits and inner hyphens`,
  )
}

function providerAsks(values: Values, facts: PodFacts): Ask[] {
  return PROVIDERS.filter(({ annotations }) => annotations.some(({ suffix }) => values.get(suffix) !== undefined)).map(
    (provider) => {
      const { name, triggers, triggerVariable } = provider
      const askedBy = triggers.find((suffix) => values.get(suffix) !== undefined) ?? triggers[0] ?? name
      const provision = provider.read(values, facts)
      return { name, askedBy, provision, ...(triggerVariable === undefined ? {} : { trigger: triggerVariable }) }
    },
  )
}

/** The annotations `base` and `base.<token>` that the pod carries. */
export function ofBase(values: Values, base: string): { suffix: string; token: string | undefined; value: string }[] {
  return values.suffixes.flatMap((suffix) => {
    const recognized = recognize(suffix)
    const value = values.get(suffix)
    if (recognized?.base !== base || value === undefined) return []
    return [{ suffix, token: recognized.token, value }]
  })
}

/** Reads which tokens a pod asks for, how long they live, and which variables and files go with them. Pure. */
import { closest } from 'fastest-levenshtein'
import { type SidecarFile, TTL_SECONDS } from '../contract.ts'
import { isRefusal, type Refusal, refuse } from '../errors.ts'
import { pathOf, type Variable } from '../providers/provider.ts'
import { badValue } from '../providers/value.ts'
import { type Ask, ofBase, readAsks, type Values } from './asks.ts'
import type { PodFacts } from './facts.ts'
import { readSeconds } from './value.ts'

export const MAXIMUM_TOKENS = 16
/** The names that shells and every SDK can read; Kubernetes itself takes more. */
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

export interface TokenSettings {
  name: string
  audience: string
  ttlSeconds: number
  /** Name of the annotation that asked for this life; absent where nobody did. */
  ttlAnnotation?: string
}

/** Variables that a container gets all of, or none. */
export interface VariableGroup {
  /** Name of the annotation that wants them. */
  askedBy: string
  /** A container may set this one itself and still gets the others. */
  trigger?: string
  variables: readonly Variable[]
}

export interface TokensReading {
  tokens: TokenSettings[]
  groups: VariableGroup[]
  files: SidecarFile[]
}

/** @returns every mistake at once; no token at all is not a mistake here */
export function readTokens(values: Values, facts: PodFacts): TokensReading | Refusal[] {
  const asks = readAsks(values, facts)
  const lives = readLives(values)
  const groups = [...providerGroups(values, asks), ...fileVariables(values)]
  const tokens = asks.map((ask) => tokenOf(ask, values, lives))
  const refusals = [
    ...asks.flatMap(({ provision }) => (Array.isArray(provision) ? provision : [])),
    ...[...lives.values(), ...tokens, ...groups].filter(isRefusal),
    ...unknownTokens(values, asks),
    ...duplicateTokens(values, asks),
    ...duplicateVariables(usable(groups)),
    ...(asks.length > MAXIMUM_TOKENS ? [tooMany(asks.length)] : []),
  ]
  if (refusals.length > 0) return refusals
  return {
    tokens: usable(tokens),
    groups: usable(groups),
    files: asks.flatMap(({ provision }) => (Array.isArray(provision) ? [] : provision.files)),
  }
}

/** The life that each `ttl-seconds…` annotation asks for, by suffix. */
function readLives(values: Values): Map<string, number | Refusal> {
  return new Map(
    ofBase(values, 'ttl-seconds').map(({ suffix, value }) => [
      suffix,
      readSeconds(values.key(suffix), value, TTL_SECONDS),
    ]),
  )
}

function tokenOf(
  { name, provision }: Ask,
  values: Values,
  lives: ReadonlyMap<string, number | Refusal>,
): TokenSettings | Refusal | undefined {
  if (Array.isArray(provision)) return undefined
  const suffix = [`ttl-seconds.${name}`, 'ttl-seconds'].find((candidate) => lives.has(candidate))
  const life = suffix === undefined ? TTL_SECONDS.default : lives.get(suffix)
  if (life === undefined || isRefusal(life)) return undefined
  const minimum = provision.minimumTtlSeconds ?? 0
  if (suffix !== undefined && life < minimum) return tooShort(name, suffix, life, minimum, values)
  return {
    ...provision.token,
    ttlSeconds: life,
    ...(suffix === undefined ? {} : { ttlAnnotation: values.key(suffix) }),
  }
}

function tooShort(name: string, suffix: string, life: number, minimum: number, values: Values): Refusal {
  const own = `ttl-seconds.${name}`
  const shape = `at least ${minimum} for the token ${name}, whose clients hold one for ten minutes`
  return badValue(values.key(suffix), String(life), suffix === own ? shape : `${shape}; or set ${values.key(own)}`)
}

function providerGroups(values: Values, asks: readonly Ask[]): VariableGroup[] {
  return asks.flatMap(({ provision, askedBy, trigger }) => {
    if (Array.isArray(provision) || provision.variables.length === 0) return []
    const { variables } = provision
    return [{ askedBy: values.key(askedBy), variables, ...(trigger === undefined ? {} : { trigger }) }]
  })
}

/** The `env.<name>` annotations. */
function fileVariables(values: Values): (VariableGroup | Refusal)[] {
  return ofBase(values, 'env').map(({ suffix, token = '', value }) => {
    const key = values.key(suffix)
    if (VARIABLE_NAME.test(value)) return { askedBy: key, variables: [{ name: value, value: pathOf(token) }] }
    return badValue(key, value, 'the name of a variable: letters, digits and _, not beginning with a digit')
  })
}

/** `ttl-seconds.<name>` and `env.<name>` of a token that nothing asks for. */
function unknownTokens(values: Values, asks: readonly Ask[]): Refusal[] {
  const names = asks.map(({ name }) => name)
  return [...ofBase(values, 'ttl-seconds'), ...ofBase(values, 'env')].flatMap(({ suffix, token }) => {
    if (token === undefined || names.includes(token)) return []
    const hint =
      names.length === 0 ? 'the pod asks for no token' : `the nearest token of the pod is ${closest(token, names)}`
    return [refuse('unknown-token', `${values.key(suffix)} names the token ${token}, but ${hint}`)]
  })
}

function duplicateTokens(values: Values, asks: readonly Ask[]): Refusal[] {
  return asks.flatMap(({ name, askedBy }, index) => {
    const earlier = asks.slice(0, index).find((ask) => ask.name === name)
    if (earlier === undefined) return []
    const keys = `${values.key(earlier.askedBy)} and ${values.key(askedBy)}`
    return [refuse('duplicate-token', `${keys} both define the token ${name}; keep one or give one another name`)]
  })
}

function duplicateVariables(groups: readonly VariableGroup[]): Refusal[] {
  const owners = new Map<string, string>()
  const refusals: Refusal[] = []
  for (const { askedBy, variables } of groups) {
    for (const { name } of variables) {
      const owner = owners.get(name)
      if (owner === undefined) owners.set(name, askedBy)
      else refusals.push(refuse('variable-conflict', `${owner} and ${askedBy} both set ${name}; choose another name`))
    }
  }
  return refusals
}

function tooMany(count: number): Refusal {
  return refuse('too-many-tokens', `the pod asks for ${count} tokens and may have ${MAXIMUM_TOKENS}; remove some`)
}

function usable<Reading extends object>(readings: readonly (Reading | Refusal | undefined)[]): Reading[] {
  return readings.filter((reading): reading is Reading => reading !== undefined && !isRefusal(reading))
}

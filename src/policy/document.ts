/** Reads AudiencePolicy documents out of YAML and reports every mistake with its line. Pure. */
import { type Document, isMap, isScalar, LineCounter, parseAllDocuments } from 'yaml'
import { z } from 'zod'

export const POLICY_API_VERSION = 'token-projector.dev/v1alpha1'
export const POLICY_KIND = 'AudiencePolicy'

const NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/
/** A Kubernetes name, or the beginning of one before a single trailing star. */
const NAME_PATTERN = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|[a-z0-9.-]*\*)$/
/** Bounds what one rule costs to evaluate; the API server demands a bound of lists that its own rules walk through. */
const MOST_ENTRIES = 256
/** Visible ASCII, as every relying party takes it. */
const AUDIENCE = /^[\x21-\x7e]{1,255}$/

const names = (what: string) =>
  z
    .array(z.string().regex(NAME_PATTERN, `must be a ${what} name, or the beginning of one and a trailing *`))
    .min(1, `must name at least one ${what}, or "*"`)
    .max(MOST_ENTRIES, `must name at most ${MOST_ENTRIES}`)

const audiences = z
  .array(z.string().regex(AUDIENCE, 'must be 1 to 255 visible ASCII characters'))
  .min(1, 'must name at least one audience, or "*"')
  .max(MOST_ENTRIES, `must name at most ${MOST_ENTRIES}`)
  .refine((list) => list.length === 1 || !list.includes('*'), 'must not mix "*" with other audiences')
  .refine(
    (list) => list.every((audience) => audience === '*' || !audience.endsWith('*')),
    'must be exact: only the single value "*" stands for others',
  )

/** The schema that the file and the custom resource share. */
export const policySchema = z.strictObject({
  apiVersion: z.literal(POLICY_API_VERSION, `must be ${POLICY_API_VERSION}`),
  kind: z.literal(POLICY_KIND, `must be ${POLICY_KIND}`),
  metadata: z.looseObject({ name: z.string().regex(NAME, 'must be a lower-case Kubernetes name') }),
  spec: z.strictObject({
    effect: z.enum(['Allow', 'Deny'], 'must be Allow or Deny'),
    from: z.strictObject({ namespaces: names('namespace'), serviceAccounts: names('service account') }),
    to: z.strictObject({ audiences }),
    maxTtlSeconds: z
      .int('must be a whole number of seconds')
      .min(10, 'must be 10 to 86400')
      .max(86_400, 'must be 10 to 86400')
      .default(3600),
    claims: z.enum(['minimal', 'standard', 'full'], 'must be minimal, standard or full').default('standard'),
  }),
})

export type ClaimsProfile = 'minimal' | 'standard' | 'full'

/** One rule, as the decision reads it. Lists hold exact values or one trailing `*`. */
export interface AudiencePolicy {
  name: string
  effect: 'Allow' | 'Deny'
  namespaces: readonly string[]
  serviceAccounts: readonly string[]
  audiences: readonly string[]
  maxTtlSeconds: number
  claims: ClaimsProfile
}

export interface ParsedPolicies {
  policies: AudiencePolicy[]
  /** A sentence each: `policy.yaml:7: spec.effect must be Allow or Deny`. */
  problems: string[]
  /** Names of the documents that have a problem; `undefined` among them when a document's name is unreadable. */
  invalid: (string | undefined)[]
}

/**
 * Every policy of a YAML stream.
 * @param source what the problems call the text: a file's name
 */
export function parsePolicies(text: string, source: string): ParsedPolicies {
  const lines = new LineCounter()
  const parsed: ParsedPolicies = { policies: [], problems: [], invalid: [] }
  const documents = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true })
  const seen = new Set<string>()
  const twice = new Set<string>()
  for (const document of Array.isArray(documents) ? documents : []) {
    if (isEmpty(document)) continue
    const at = (offset: number) => `${source}:${lines.linePos(offset).line}`
    const { policy, name, problems } = readDocument(document, at)
    if (name !== undefined && seen.has(name)) {
      problems.push(`${at(startOf(document))}: metadata.name ${name} is used by an earlier document`)
      twice.add(name)
    }
    if (name !== undefined) seen.add(name)
    parsed.problems.push(...problems)
    if (problems.length > 0) parsed.invalid.push(name)
    else if (policy !== undefined) parsed.policies.push(policy)
  }
  // Which of the two was meant nobody knows, and one may be a Deny.
  return { ...parsed, policies: parsed.policies.filter((policy) => !twice.has(policy.name)) }
}

function isEmpty(document: Document.Parsed): boolean {
  const { contents, errors } = document
  return errors.length === 0 && (contents === null || (isScalar(contents) && contents.value === null))
}

function startOf(document: Document.Parsed): number {
  return document.contents?.range?.[0] ?? document.range[0]
}

interface Reading {
  policy?: AudiencePolicy
  name: string | undefined
  problems: string[]
}

type At = (offset: number) => string

function readDocument(document: Document.Parsed, at: At): Reading {
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => `${at(error.pos[0])}: ${firstLine(error.message)}`)
    return { problems, name: undefined }
  }
  const value = contentOf(document)
  if (value instanceof Error) return { problems: [`${at(startOf(document))}: ${value.message}`], name: undefined }
  const result = policySchema.safeParse(value)
  if (result.success) return { policy: flatten(result.data), name: result.data.metadata.name, problems: [] }
  return { problems: result.error.issues.flatMap((issue) => describe(issue, document, at)), name: readableName(value) }
}

/** Aliases are resolved only now, and may lead nowhere. */
function contentOf(document: Document.Parsed): unknown {
  try {
    return document.toJS()
  } catch (error) {
    return error
  }
}

function flatten({ metadata, spec }: z.output<typeof policySchema>): AudiencePolicy {
  return {
    name: metadata.name,
    effect: spec.effect,
    namespaces: spec.from.namespaces,
    serviceAccounts: spec.from.serviceAccounts,
    audiences: spec.to.audiences,
    maxTtlSeconds: spec.maxTtlSeconds,
    claims: spec.claims,
  }
}

function describe(issue: z.core.$ZodIssue, document: Document.Parsed, at: At): string[] {
  const where = `${at(offsetOf(document, issue.path))}:`
  const path = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${at(offsetOf(document, [...issue.path, key]))}: ${joined(path, key)} is not known`)
  }
  if (!document.hasIn(issue.path)) return [`${where} ${path} is required`]
  return [`${where} ${path === '' ? 'the document' : path} ${sentence(issue)}`]
}

function sentence(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_type' ? `must be ${article(issue.expected)}` : issue.message
}

function article(type: string): string {
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`
}

function joined(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}

/** Where the deepest part of `path` that exists begins, its key rather than its value. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true)
    const key = path[length - 1]
    const pair = isMap(parent) ? parent.items.find((item) => String(item.key) === String(key)) : undefined
    const node = pair?.key ?? document.getIn(path.slice(0, length), true)
    const range = (node as { range?: [number, number, number] } | undefined)?.range
    if (range) return range[0]
  }
  return startOf(document)
}

function readableName(value: unknown): string | undefined {
  const metadata = (value as { metadata?: { name?: unknown } } | null)?.metadata
  return typeof metadata?.name === 'string' ? metadata.name : undefined
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? text).replace(/ at line \d+, column \d+:?$/, '')
}

/** Reads the issuers and clusters that a signer serves out of signer.yaml and reports every mistake at once. Pure. */
import { type Document, parseDocument } from 'yaml'
import { z } from 'zod'
import { WELL_KNOWN_RESERVED_AUDIENCES } from '../policy/decide.ts'
import { issuerUrlProblem } from './issuer-url.ts'

/** The algorithms that a token of ours is signed with: RSA-2048 for every relying party, P-256 where a small token counts. */
export type SigningAlgorithm = 'RS256' | 'ES256'

export interface IssuerSettings {
  url: string
  organization: string
  alg: SigningAlgorithm
  /** A larger token is refused. */
  maxTokenBytes: number
}

export interface ClusterSettings {
  name: string
  organization: string
  /** `tokenReview`: of the cluster that the signer itself runs in, everything is asked; `jwks`: nothing is. */
  mode: 'jwks' | 'tokenReview'
  /** `iss` of the cluster's service-account tokens. */
  issuer: string
  /** Where the cluster's public keys are: an https URL, or a path; absent means the signer's own API server. */
  jwks?: string
  /** PEM roots for an https `jwks`; absent means the public ones. */
  caFile?: string
  /** What the cluster's API server accepts as audience, beside its issuer; nobody is given one of these. */
  apiAudiences: readonly string[]
}

export interface SignerSettings {
  issuer: IssuerSettings
  clusters: readonly ClusterSettings[]
  /** The one audience of a subject token. */
  identityAudience: string
}

/** These begin the `sub` of somebody else's tokens. */
const RESERVED_ORGANIZATIONS = ['system', 'repo', 'deployment', 'worker', 'spiffe']
/** Before Kubernetes had token requests; such tokens never expire and are bound to no pod. */
const LEGACY_ISSUER = 'kubernetes/serviceaccount'
const AUDIENCE = /^[\x21-\x7e]{1,255}$/
const LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/

const label = (what: string, length: number) =>
  z
    .string()
    .max(length, `must be at most ${length} characters`)
    .regex(LABEL, `must be a ${what} of lower-case letters, digits and inner hyphens`)

const organization = label('name', 32).refine((name) => !RESERVED_ORGANIZATIONS.includes(name), {
  error: `must not be one of the reserved names ${RESERVED_ORGANIZATIONS.join(', ')}`,
})

const audience = z.string().regex(AUDIENCE, 'must be 1 to 255 visible ASCII characters')

const url = z.string().superRefine((text, context) => {
  const problem = issuerUrlProblem(text)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
})

const issuer = z.strictObject({
  url,
  organization,
  alg: z.enum(['RS256', 'ES256'], 'must be RS256 or ES256').default('RS256'),
  maxTokenBytes: z
    .int('must be a whole number of bytes')
    .min(512, 'must be 512 to 16384')
    .max(16_384, 'must be 512 to 16384')
    .default(4096),
})

const cluster = z
  .strictObject({
    name: label('name', 63),
    organization,
    mode: z.enum(['jwks', 'tokenReview'], 'must be tokenReview or jwks'),
    issuer: z
      .string()
      .min(1, "must be the iss of the cluster's service account tokens")
      .max(255, 'must be at most 255 characters')
      .refine((text) => text !== LEGACY_ISSUER, 'must not be the issuer of legacy tokens, which are bound to no pod'),
    jwks: z
      .string()
      .min(1, 'must be an https:// URL or a file')
      .refine(isUrlOrPath, 'must be an https:// URL without user, query and fragment, or a file')
      .optional(),
    caFile: z.string().min(1, 'must be a file').optional(),
    apiAudiences: z.array(audience).default([]),
  })
  .refine(({ jwks, caFile }) => caFile === undefined || (jwks !== undefined && isUrl(jwks)), {
    path: ['caFile'],
    error: 'must be left out where jwks is not a URL',
  })
  .refine(({ mode, jwks }) => mode === 'tokenReview' || jwks !== undefined, {
    path: ['jwks'],
    error: 'is required: in mode jwks nobody else says who signed',
  })

const schema = z.strictObject({
  issuers: z
    .array(issuer)
    .min(1, 'must hold one issuer')
    .max(1, 'must hold exactly one issuer: this version signs for one, so run another signer for another organization'),
  clusters: z.array(cluster).min(1, 'must hold at least one cluster'),
  identityAudience: audience.optional(),
})

type File = z.output<typeof schema>

/**
 * @param source what the problems call the text: a file's name
 * @returns the settings with their defaults, or every problem as a sentence that begins with the source and the YAML path
 */
export function parseSettings(text: string, source: string): SignerSettings | { problems: string[] } {
  const document = parseDocument(text, { uniqueKeys: true })
  if (document.errors.length > 0) {
    return { problems: document.errors.map(({ message }) => `${source}: ${message.split('\n')[0]}`) }
  }
  const value = contentOf(document)
  if (value instanceof Error) return { problems: [`${source}: ${value.message}`] }
  const result = schema.safeParse(value)
  const problems = result.success ? contradictions(result.data) : result.error.issues.flatMap(describe)
  if (!result.success || problems.length > 0) return { problems: problems.map((problem) => `${source}: ${problem}`) }
  return settingsOf(result.data)
}

/** Aliases are resolved only now, and may lead nowhere. */
function contentOf(document: Document): unknown {
  try {
    return document.toJS()
  } catch (error) {
    return error
  }
}

/** Every audience that no policy can hand out. */
export function reservedAudiences(settings: SignerSettings): ReadonlySet<string> {
  // An API server that is told nothing else accepts its own issuer as audience.
  const clusters = settings.clusters.flatMap(({ issuer, apiAudiences }) => [issuer, ...apiAudiences])
  return new Set([...WELL_KNOWN_RESERVED_AUDIENCES, ...clusters, settings.identityAudience])
}

/** A `jwks` that is fetched, as opposed to a file. */
export function isUrl(jwks: string): boolean {
  return jwks.startsWith('https://')
}

function isUrlOrPath(jwks: string): boolean {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(jwks)) return true
  const parsed = isUrl(jwks) && URL.canParse(jwks) ? new URL(jwks) : undefined
  return parsed !== undefined && parsed.username === '' && parsed.search === '' && parsed.hash === ''
}

function settingsOf(file: File): SignerSettings {
  const [issuer] = file.issuers
  if (issuer === undefined) throw new TypeError('the schema lets no file without an issuer through')
  const clusters = file.clusters.map(({ jwks, caFile, ...cluster }) => ({
    ...cluster,
    ...(jwks === undefined ? {} : { jwks }),
    ...(caFile === undefined ? {} : { caFile }),
  }))
  return { issuer, clusters, identityAudience: identityAudienceOf(file) }
}

function identityAudienceOf(file: File): string {
  return file.identityAudience ?? `${file.issuers[0]?.url}/token`
}

/** What no single value shows. */
function contradictions(file: File): string[] {
  const served = file.issuers.map(({ organization }) => organization)
  return [
    ...repeated(file, 'name', 'is used by an earlier cluster'),
    ...repeated(file, 'issuer', "is used by an earlier cluster, and a token's iss decides its cluster"),
    ...repeated(file, 'organization', 'has a cluster already, and two clusters would share one sub'),
    ...file.clusters.flatMap(({ organization }, index) =>
      served.includes(organization) ? [] : [`clusters[${index}].organization ${organization} has no entry in issuers`],
    ),
    ...secondReview(file),
    ...apiAudienceClash(file),
  ]
}

/** A TokenReview is asked with the signer's own service account, which one cluster knows. */
function secondReview({ clusters }: File): string[] {
  const reviewed = clusters.flatMap(({ mode }, index) => (mode === 'tokenReview' ? [index] : []))
  return reviewed
    .slice(1)
    .map((index) => `clusters[${index}].mode must be jwks: the signer runs in one cluster and asks that one alone`)
}

function repeated(file: File, key: 'name' | 'issuer' | 'organization', what: string): string[] {
  const values = file.clusters.map((cluster) => cluster[key])
  return values.flatMap((value, index) =>
    values.indexOf(value) < index ? [`clusters[${index}].${key} ${value} ${what}`] : [],
  )
}

/** A subject token that the API server accepts too would be a login to the cluster in the signer's hands. */
function apiAudienceClash(file: File): string[] {
  const audience = identityAudienceOf(file)
  const accepted = file.clusters.flatMap(({ issuer, apiAudiences }) => [issuer, ...apiAudiences])
  if (![...WELL_KNOWN_RESERVED_AUDIENCES, ...accepted].includes(audience)) return []
  return [`identityAudience ${audience} must not be an audience of an API server; leave it out for the default`]
}

function describe(issue: z.core.$ZodIssue): string[] {
  const path = pathOf(issue.path)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${pathOf([...issue.path, key])} is not known`)
  }
  return [`${path === '' ? 'the file' : path} ${sentence(issue)}`]
}

function sentence(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_type') return issue.message
  return issue.message.endsWith('received undefined')
    ? 'is required'
    : `must be ${/^[aeiou]/.test(issue.expected) ? 'an' : 'a'} ${issue.expected}`
}

function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '')
}

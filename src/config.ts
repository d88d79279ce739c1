/** Reads a process's environment once against a schema and reports everything wrong with it at once. Pure. */
import { z } from 'zod'
import { ProjectorError } from './errors.ts'
import { WELL_KNOWN_RESERVED_AUDIENCES } from './policy/decide.ts'

const PREFIX = 'TOKEN_PROJECTOR_'

/** `host:port`; an empty host means every address. */
export interface Listen {
  host: string
  port: number
}

export const listen = z
  .string()
  .regex(/^(?:[^\s:]*|\[[0-9a-fA-F:]+\]):\d{1,5}$/, 'must be HOST:PORT, such as 0.0.0.0:8443')
  .transform((text): Listen => {
    const at = text.lastIndexOf(':')
    const host = text.slice(0, at).replace(/^\[|\]$/g, '')
    return { host: host === '' ? '::' : host, port: Number(text.slice(at + 1)) }
  })
  .refine(({ port }) => port <= 65_535, 'must have a port up to 65535')

export const httpsUrl = z.string().refine((text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === 'https:' && url.username === '' && url.search === '' && url.hash === ''
}, 'must be an https:// URL without user, query and fragment')

/** One value, unique per installation; a login to the cluster would go to the signer with every request otherwise. */
export const identityAudience = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters')
  .refine(
    (audience) => !WELL_KNOWN_RESERVED_AUDIENCES.includes(audience),
    'must not be an audience of the API server; the default is the issuer URL and /token',
  )

export const path = z.string().min(1, 'must be a path')

export const seconds = (fallback: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/, 'must be a whole number of seconds')
    .transform(Number)
    .default(fallback)

/** What every service reads. */
export const common = {
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error'], 'must be trace, debug, info, warn or error')
    .default('info'),
  OPS_LISTEN: listen.prefault('0.0.0.0:9090'),
  DRAIN_SECONDS: seconds(10),
}

/** Names a Kubernetes object. */
export const objectName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, 'must be the name of a Kubernetes object')

const DNS_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/
const dnsNames = z
  .string()
  .transform((text) => text.split(',').map((name) => name.trim()))
  .refine(
    (names) => names.every((name) => DNS_NAME.test(name)),
    'must be lower-case DNS names with commas between them',
  )

/** Where both services find their certificate and, in a cluster, each other's names. */
export const inCluster = {
  TLS_DIRECTORY: path.optional(),
  TLS_SECRET: objectName.optional(),
  TLS_NAMES: dnsNames.default([]),
  SIGNER_CA_CONFIGMAP: objectName.optional(),
  NAMESPACE: objectName.optional(),
  /** For development; a pod uses its own service account. */
  KUBECONFIG: path.optional(),
}

type Values = Record<string, unknown>
type Context = z.RefinementCtx<Values>

/** Adds what is wrong between the variables of {@link inCluster}. @param named variables that name an object in NAMESPACE */
export function checkInCluster(values: Values, context: Context, named: readonly string[]): void {
  checkOneOf(values, context, 'TLS_DIRECTORY', 'TLS_SECRET', 'the directory with tls.crt and tls.key')
  const first = named.find((key) => values[key] !== undefined)
  if (first !== undefined) need(values, context, 'NAMESPACE', `${PREFIX}${first} is looked for there`)
  if (values['TLS_SECRET'] === undefined) return
  if (!(values['TLS_NAMES'] as string[] | undefined)?.length) {
    issue(context, 'TLS_NAMES', `the certificate in ${PREFIX}TLS_SECRET is made for these DNS names`)
  }
}

/** Adds an issue when both or none of two variables are set. */
export function checkOneOf(values: Values, context: Context, key: string, other: string, what: string): void {
  const [one, two] = [values[key] !== undefined, values[other] !== undefined]
  if (one && two) issue(context, other, `and ${PREFIX}${key} say the same; set one of the two`)
  if (!one && !two) issue(context, key, `${what}; set it, or ${PREFIX}${other} in a cluster`)
}

/** Adds an issue when `key` is not set. */
export function need(values: Values, context: Context, key: string, why: string): void {
  if (values[key] === undefined) issue(context, key, why)
}

export function issue(context: Context, key: string, message: string): void {
  context.addIssue({ code: 'custom', path: [key], message })
}

/**
 * The variables of `schema`, named there without their common prefix, from `env`.
 * An empty variable counts as absent.
 * @throws ProjectorError `configuration-invalid`, whose message names every wrong variable and what would be right
 */
export function parseEnvironment<Shape extends z.ZodObject>(
  schema: Shape,
  env: Record<string, string | undefined>,
): z.output<Shape> {
  const present: Record<string, string> = {}
  for (const key of Object.keys(schema.shape)) {
    const value = env[PREFIX + key]
    if (value !== undefined && value !== '') present[key] = value
  }
  const result = schema.safeParse(present)
  if (result.success) return result.data
  throw new ProjectorError(
    'configuration-invalid',
    result.error.issues.map((issue) => describe(issue, present)).join('; '),
  )
}

function describe(issue: z.core.$ZodIssue, present: Record<string, string>): string {
  const key = String(issue.path[0] ?? '')
  if (issue.path.length === 0) return issue.message
  return key in present ? `${PREFIX}${key} ${issue.message}` : `${PREFIX}${key} is required: ${hint(issue)}`
}

function hint(issue: z.core.$ZodIssue): string {
  return issue.message.startsWith('Invalid input') ? 'it is not set' : issue.message
}

/** Reads a token exchange request (RFC 8693 section 2.1) out of a form and refuses whatever we do not serve. Pure. */
import { EXCHANGE_MINIMUM_TTL_SECONDS, JWT_TOKEN_TYPE, TOKEN_EXCHANGE_GRANT, TTL_SECONDS } from '../contract.ts'
import { isRefusal, type Refusal, refuse } from '../errors.ts'

export interface ExchangeRequest {
  subjectToken: string
  audience: string
  ttlSeconds: number
}

/** Kubernetes' own tokens have about 1 KiB; servers commonly take no header line over 8 KiB. */
const SUBJECT_TOKEN_BYTES = 16_384
const AUDIENCE = /^[\x21-\x7e]{1,255}$/
const WHOLE = /^\d{1,9}$/

const PARAMETERS = [
  'grant_type',
  'subject_token',
  'subject_token_type',
  'audience',
  'requested_token_type',
  'ttl_seconds',
] as const

type Parameter = (typeof PARAMETERS)[number]
type Form = { readonly [name in Parameter]?: string }

/** @param body the parsed form: each value a string, or an array where the parameter was repeated */
export function parseExchange(body: unknown): ExchangeRequest | Refusal {
  const form = formOf(body)
  if (isRefusal(form)) return form
  return typesProblem(form) ?? readValues(form)
}

function formOf(body: unknown): Form | Refusal {
  if (typeof body !== 'object' || body === null)
    return malformed('the body must be a form with the parameters of RFC 8693')
  for (const [name, value] of Object.entries(body)) {
    if (!(PARAMETERS as readonly string[]).includes(name)) return foreign(name)
    if (typeof value !== 'string') return malformed(`the parameter ${name} must be given once`)
  }
  return body as Form
}

/** A name is the caller's text, so only one that looks like a parameter is repeated to them. */
function foreign(name: string): Refusal {
  const shown = /^[A-Za-z0-9_.-]{1,40}$/.test(name) ? ` ${name}` : ''
  return malformed(`the parameter${shown} is not known here; leave it out`)
}

function typesProblem(form: Form): Refusal | undefined {
  if (form.grant_type === undefined) return malformed('the parameter grant_type is missing')
  if (form.grant_type !== TOKEN_EXCHANGE_GRANT) {
    return refuse('unsupported-grant-type', `the parameter grant_type must be ${TOKEN_EXCHANGE_GRANT}`)
  }
  if (form.subject_token_type !== JWT_TOKEN_TYPE) return malformed(`subject_token_type must be ${JWT_TOKEN_TYPE}`)
  if (form.requested_token_type !== JWT_TOKEN_TYPE) return malformed(`requested_token_type must be ${JWT_TOKEN_TYPE}`)
  return undefined
}

function readValues(form: Form): ExchangeRequest | Refusal {
  const { subject_token: subjectToken = '', audience = '' } = form
  if (subjectToken === '') return malformed('the parameter subject_token is missing')
  if (subjectToken.length > SUBJECT_TOKEN_BYTES) {
    return malformed(`the parameter subject_token must be at most ${SUBJECT_TOKEN_BYTES} bytes`)
  }
  if (!AUDIENCE.test(audience)) return malformed('the parameter audience must be 1 to 255 visible ASCII characters')
  const ttlSeconds = ttlOf(form.ttl_seconds)
  if (ttlSeconds === undefined) {
    return malformed(
      `the parameter ttl_seconds must be a whole number of seconds, ${EXCHANGE_MINIMUM_TTL_SECONDS} or more`,
    )
  }
  return { subjectToken, audience, ttlSeconds }
}

function ttlOf(text: string | undefined): number | undefined {
  if (text === undefined) return TTL_SECONDS.default
  const value = WHOLE.test(text) ? Number(text) : Number.NaN
  // No upper bound: policy shortens what is too long.
  return value >= EXCHANGE_MINIMUM_TTL_SECONDS ? value : undefined
}

function malformed(message: string): Refusal {
  return refuse('malformed-request', message)
}

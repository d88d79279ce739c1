/** Reads the values of options and says what would be right. */
import { InvalidArgumentError } from 'commander'
import { httpsUrl, identityAudience, listen } from '../config.ts'
import { EXCHANGE_MINIMUM_TTL_SECONDS } from '../contract.ts'
import { issuerUrlProblem } from '../signer/issuer-url.ts'
import { type Mapping, trimSlash } from './exec/paths.ts'

export function parsePrefix(text: string): string {
  const prefix = text.endsWith('/') ? text : `${text}/`
  if (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?\/$/.test(prefix)) return prefix
  throw new InvalidArgumentError('must be a DNS name and a slash, such as token-projector.dev/')
}

export function parseUrl(text: string): string {
  const result = httpsUrl.safeParse(text)
  if (result.success) return result.data
  throw new InvalidArgumentError('must be an https:// URL without user, query and fragment')
}

export function parseAudience(text: string): string {
  const result = identityAudience.safeParse(text)
  if (result.success) return result.data
  throw new InvalidArgumentError(result.error.issues.map(({ message }) => message).join('; '))
}

export function parseImage(text: string): string {
  if (/^[\x21-\x7e]+$/.test(text)) return text
  throw new InvalidArgumentError('must be an image reference')
}

export function parseListen(text: string): string {
  const result = listen.safeParse(text)
  if (result.success) return text
  throw new InvalidArgumentError(result.error.issues.map(({ message }) => message).join('; '))
}

export function collectVariable(text: string, previous: Record<string, string> = {}): Record<string, string> {
  const [, name, value] = /^([^=\s]+)=(.*)$/s.exec(text) ?? []
  if (name === undefined || value === undefined) throw new InvalidArgumentError('must be NAME=VALUE')
  return { ...previous, [name]: value }
}

export function collectMapping(text: string, previous: Mapping[] = []): Mapping[] {
  const [, containerPath, localPath] = /^(\/[^=]+)=(.+)$/.exec(text) ?? []
  if (containerPath === undefined || localPath === undefined) {
    throw new InvalidArgumentError('must be CONTAINER_PATH=LOCAL_PATH with an absolute container path')
  }
  return [...previous, { containerPath: trimSlash(containerPath), localPath: trimSlash(localPath) }]
}

/** In the one form in which receivers compare it. */
export function parseIssuer(text: string): string {
  const problem = issuerUrlProblem(text)
  if (problem === undefined) return text
  throw new InvalidArgumentError(problem)
}

export function parseTtlSeconds(text: string): number {
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (seconds >= EXCHANGE_MINIMUM_TTL_SECONDS) return seconds
  throw new InvalidArgumentError(`must be a whole number of seconds, ${EXCHANGE_MINIMUM_TTL_SECONDS} or more`)
}

/** A namespace or a service account: what could not be one could not be in a subject either. */
export function parseName(text: string): string {
  if (/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(text)) return text
  throw new InvalidArgumentError('must be a Kubernetes name: lower-case letters, digits, dots and inner hyphens')
}

/** @param shape ends the sentence "must be …" */
export function matching(pattern: RegExp, shape: string): (text: string) => string {
  return (text) => {
    if (pattern.test(text)) return text
    throw new InvalidArgumentError(`must be ${shape}`)
  }
}

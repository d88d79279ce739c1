/** Reads the sidecar's environment by hand, for a schema library costs memory in every pod, and names everything wrong at once. Pure. */
import {
  EXCHANGE_MINIMUM_TTL_SECONDS,
  SIDECAR_OPS_PORT,
  SIDECAR_VARIABLE,
  type SidecarConfig,
  type SidecarFile,
  type SidecarToken,
} from '../contract.ts'
import { ProjectorError } from '../errors.ts'

const VERSION = 1
const MOST_TOKENS = 16
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const
const TOKEN_NAME = /^[a-z0-9](?:[a-z0-9-]{0,49}[a-z0-9])?$/
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/
const MODE = /^0?[4-7][0-7][0-7]$/

export type Level = (typeof LEVELS)[number]

/** Where the ops endpoints listen; no host means every address, whatever its family. */
export interface OpsListen {
  host?: string
  port: number
}

export interface Settings {
  config: SidecarConfig
  logLevel: Level
  /** Undefined where the pod shares its node's network, as port 0 in the configuration says. */
  opsListen: OpsListen | undefined
}

/** What is wrong, a sentence each, beginning with the place. */
type Problems = string[]

/** @throws ProjectorError `configuration-invalid`, whose message names every problem */
export function parseSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const problems: Problems = []
  const config = readConfig(env[SIDECAR_VARIABLE], problems)
  const logLevel = readLevel(env.TOKEN_PROJECTOR_LOG_LEVEL, problems)
  const opsListen = readListen(env.TOKEN_PROJECTOR_OPS_LISTEN, config.opsPort, problems)
  return orThrow({ config, logLevel, opsListen }, problems)
}

/**
 * The content of {@link SIDECAR_VARIABLE}. Unknown keys are ignored, a higher version is refused.
 * @throws ProjectorError `configuration-invalid`, whose message names every problem
 */
export function parseSidecarConfig(text: string | undefined): SidecarConfig {
  const problems: Problems = []
  return orThrow(readConfig(text, problems), problems)
}

function orThrow<Value>(value: Value, problems: Problems): Value {
  if (problems.length === 0) return value
  throw new ProjectorError('configuration-invalid', problems.join('; '))
}

function readConfig(text: string | undefined, problems: Problems): SidecarConfig {
  const top = objectOf(parseJson(text, problems))
  const isOurs = problems.length === 0 && isOurVersion(top.version, problems)
  // What is no configuration of ours would only be reported as everything missing.
  const found: Problems = isOurs ? problems : []
  const tokens = readTokens(top.tokens, found)
  return {
    version: VERSION,
    signer: readSigner(top.signer, found),
    identityTokenFile: expectText(top.identityTokenFile, isPath, 'identityTokenFile must be an absolute path', found),
    directory: expectText(top.directory, isPath, 'directory must be an absolute path', found),
    fileMode: expectText(top.fileMode, isMode, 'fileMode must be 0400 to 0644, not writable by others', found),
    opsPort: expectInteger(top.opsPort ?? SIDECAR_OPS_PORT, 0, 65_535, 'opsPort', found),
    tokens,
    files: readFiles(top.files ?? [], new Set(tokens.map(({ name }) => name)), found),
    startDeadlineSeconds: expectInteger(top.startDeadlineSeconds, 0, 86_400, 'startDeadlineSeconds', found),
    localApi: readLocalApi(top.localApi ?? [], found),
  }
}

function parseJson(text: string | undefined, problems: Problems): unknown {
  if (text === undefined || text === '') {
    problems.push(`${SIDECAR_VARIABLE} is required: the webhook sets it`)
    return undefined
  }
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // The parser's message would repeat the text.
  }
  problems.push(`${SIDECAR_VARIABLE} must be a JSON object`)
  return undefined
}

function isOurVersion(version: unknown, problems: Problems): boolean {
  if (version === VERSION) return true
  const isNewer = typeof version === 'number' && version > VERSION
  problems.push(
    isNewer
      ? `${SIDECAR_VARIABLE}.version is ${version} and this sidecar reads ${VERSION}: use an image as new as the webhook`
      : `${SIDECAR_VARIABLE}.version must be ${VERSION}`,
  )
  return false
}

function readSigner(value: unknown, problems: Problems): SidecarConfig['signer'] {
  const { url, caBundle } = objectOf(value)
  const signer = {
    url: expectText(url, isHttps, 'signer.url must be an https:// URL without user and query', problems),
  }
  if (caBundle === undefined) return signer
  const mustBe = 'signer.caBundle must be PEM certificates'
  return {
    ...signer,
    caBundle: expectText(caBundle, (text) => text.includes('-----BEGIN CERTIFICATE-----'), mustBe, problems),
  }
}

function readTokens(value: unknown, problems: Problems): SidecarToken[] {
  const list = listOf(value)
  if (list.length === 0 || list.length > MOST_TOKENS) push(problems, `tokens must be a list of 1 to ${MOST_TOKENS}`)
  const seen = new Set<string>()
  return list.map((one, index) => {
    const at = `tokens[${index}]`
    const { name, audience, ttlSeconds } = objectOf(one)
    const isName = (text: string) => TOKEN_NAME.test(text) && addOnce(seen, text)
    return {
      name: expectText(name, isName, `${at}.name must be lower-case letters, digits and dashes, once`, problems),
      audience: expectText(audience, (text) => text !== '', `${at}.audience must be text`, problems),
      ttlSeconds: expectInteger(ttlSeconds, EXCHANGE_MINIMUM_TTL_SECONDS, 86_400, `${at}.ttlSeconds`, problems),
    }
  })
}

function readFiles(value: unknown, taken: Set<string>, problems: Problems): SidecarFile[] {
  if (!Array.isArray(value)) push(problems, 'files must be a list')
  return listOf(value).map((one, index) => {
    const at = `files[${index}]`
    const { name, content } = objectOf(one)
    const isName = (text: string) => FILE_NAME.test(text) && addOnce(taken, text)
    return {
      name: expectText(name, isName, `${at}.name must be a file name that nothing else here has`, problems),
      content: expectText(content, () => true, `${at}.content must be text`, problems),
    }
  })
}

/** A pod that was promised a surface must not run without it unnoticed. */
function readLocalApi(value: unknown, problems: Problems): string[] {
  if (!Array.isArray(value) || value.length > 0) push(problems, 'localApi must be empty: this sidecar serves none')
  return []
}

function readLevel(value: string | undefined, problems: Problems): Level {
  const level = LEVELS.find((one) => one === (value || 'info'))
  if (level === undefined) problems.push(`TOKEN_PROJECTOR_LOG_LEVEL must be ${LEVELS.join(', ')}`)
  return level ?? 'info'
}

function readListen(value: string | undefined, port: number, problems: Problems): OpsListen | undefined {
  if (value === undefined || value === '') return port === 0 ? undefined : { port }
  const match = /^(?:\[(?<six>[0-9a-fA-F:]+)\]|(?<host>[^\s:]*)):(?<port>\d{1,5})$/.exec(value)?.groups
  const host = match?.six ?? match?.host ?? ''
  if (match === undefined || Number(match.port) > 65_535) {
    problems.push('TOKEN_PROJECTOR_OPS_LISTEN must be HOST:PORT, such as 0.0.0.0:9465')
    return undefined
  }
  return { ...(host === '' ? {} : { host }), port: Number(match.port) }
}

function expectText(value: unknown, isGood: (text: string) => boolean, mustBe: string, problems: Problems): string {
  if (typeof value === 'string' && isGood(value)) return value
  push(problems, mustBe)
  return ''
}

function expectInteger(value: unknown, least: number, most: number, key: string, problems: Problems): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
  push(problems, `${key} must be a whole number from ${least} to ${most}`)
  return least
}

function push(problems: Problems, problem: string): void {
  problems.push(`${SIDECAR_VARIABLE}.${problem}`)
}

function isPath(text: string): boolean {
  return text.startsWith('/') && !text.includes('\0')
}

function isMode(text: string): boolean {
  return MODE.test(text) && (Number.parseInt(text, 8) & 0o133) === 0
}

function isHttps(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === 'https:' && url.username === '' && url.search === '' && url.hash === ''
}

function addOnce(seen: Set<string>, text: string): boolean {
  if (seen.has(text)) return false
  seen.add(text)
  return true
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectOf(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {}
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

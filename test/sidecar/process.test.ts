/** The sidecar's programs as processes, against a signer over real TLS. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { createAuthority } from '../../src/certificate/issue.ts'
import type { SidecarConfig } from '../../src/contract.ts'
import { readClaims } from '../../src/keeper/jwt.ts'
import { refusal, startFakeSigner, yes } from '../keeper/fake-signer.ts'
import { makeToken } from '../keeper/tokens.ts'
import { eventually, type Program, type StartOptions, start } from './program.ts'

const signer = await startFakeSigner()
afterAll(() => signer.close())

let root = ''
let directory = ''
let started: Program[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sidecar-'))
  directory = mkdtempSync(join(root, 'tokens-'))
  writeFileSync(join(root, 'identity'), makeToken({ audience: 'signer', jti: 'identity-1' }))
  signer.answer = (asked) => yes(asked)
  signer.asked.length = 0
})
afterEach(async () => {
  for (const program of started) program.signal('SIGKILL')
  await Promise.all(started.map(({ exitCode }) => exitCode))
  started = []
  rmSync(root, { recursive: true })
})

function config(change: Partial<SidecarConfig> = {}): SidecarConfig {
  return {
    version: 1,
    signer: { url: signer.url, caBundle: signer.caBundle },
    identityTokenFile: join(root, 'identity'),
    directory,
    fileMode: '0640',
    opsPort: 0,
    tokens: [{ name: 'default', audience: 'vault', ttlSeconds: 3600 }],
    files: [],
    startDeadlineSeconds: 30,
    localApi: [],
    ...change,
  }
}

function sidecar(verb: string, change?: Partial<SidecarConfig>, options?: StartOptions): Program {
  const program = start('sidecar', [verb], config(change), options)
  started.push(program)
  return program
}

const at = (name: string) => join(directory, name)
const jtiOf = (name = 'default') => (existsSync(at(name)) ? readClaims(readFileSync(at(name), 'utf8'))?.id : undefined)
const nowhere = { url: 'https://127.0.0.1:1', caBundle: signer.caBundle }

function putToken(name = 'default', audience = 'vault'): void {
  writeFileSync(at(name), makeToken({ audience, issuedAt: Math.floor(Date.now() / 1000), jti: 'found' }))
}

test('run: the first token comes, whole, with its mode, and SIGTERM leaves it there', async () => {
  const program = sidecar('run')
  await program.line('token default written')
  expect(readFileSync(at('default'), 'utf8')).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
  expect(statSync(at('default')).mode & 0o777).toBe(0o640)
  program.signal('SIGTERM')
  expect(await program.exitCode).toBe(0)
  expect(readdirSync(directory)).toEqual(['default'])
  expect(program.lines().at(-1)?.msg).toBe('stopped; the token files stay')
  expect(program.output()).not.toContain('eyJ')
})

test('run: tokens are replaced as they age, and the log tells each jti', async () => {
  signer.answer = (asked) => yes(asked, 4)
  const program = sidecar('run')
  const seen = new Set<string>()
  await eventually(() => {
    const jti = jtiOf()
    if (jti !== undefined) seen.add(jti)
    return seen.size >= 4 || undefined
  }, 'four tokens')
  program.signal('SIGTERM')
  expect(await program.exitCode).toBe(0)
  const logged = program.lines().map(({ jti }) => jti)
  expect([...seen].every((jti) => logged.includes(jti))).toBe(true)
})

test('run: SIGHUP renews every token at once, with the identity token of that moment', async () => {
  const tokens = ['default', 'aws'].map((name) => ({ name, audience: name, ttlSeconds: 3600 }))
  const program = sidecar('run', { tokens })
  await eventually(() => (jtiOf('default') && jtiOf('aws')) || undefined, 'both tokens')
  const before = [jtiOf('default'), jtiOf('aws')]
  const next = makeToken({ audience: 'signer', jti: 'identity-2' })
  writeFileSync(join(root, 'identity'), next)
  program.signal('SIGHUP')
  await eventually(() => (jtiOf('default') !== before[0] && jtiOf('aws') !== before[1]) || undefined, 'new tokens')
  expect(signer.asked.slice(-2).map(({ form }) => form.get('subject_token'))).toEqual([next, next])
})

test('run: files of a provider are there before the first token, and leftovers of a former life are gone', async () => {
  writeFileSync(at('.default.0123456789ab.new'), 'half')
  let names: string[] = []
  signer.answer = (asked) => {
    names = readdirSync(directory)
    return yes(asked)
  }
  const program = sidecar('run', { files: [{ name: 'gcp.json', content: '{"type":"external_account"}' }] })
  await program.line('token default written')
  expect(names).toEqual(['gcp.json'])
  expect(readFileSync(at('gcp.json'), 'utf8')).toBe('{"type":"external_account"}')
  expect(statSync(at('gcp.json')).mode & 0o777).toBe(0o640)
})

test('run: a refusal ends a start that waits with 77, and is the last line', async () => {
  signer.answer = () => refusal('no AudiencePolicy allows payments/checkout the audience vault: add one')
  const program = sidecar('run')
  expect(await program.exitCode).toBe(77)
  expect(program.lines().at(-1)).toMatchObject({ level: 'error', reason: 'signer-refused' })
  expect(program.output().trimEnd().split('\n').at(-1)).toContain(
    'no AudiencePolicy allows payments/checkout the audience vault',
  )
  expect(program.output().trimEnd().length).toBeLessThan(2048)
})

test('run: a refusal ends no start that does not wait; SIGTERM then says 75 and why', async () => {
  signer.answer = () => refusal('no AudiencePolicy allows it')
  const program = sidecar('run', { startDeadlineSeconds: 0 })
  await program.line('no AudiencePolicy allows it')
  program.signal('SIGTERM')
  expect(await program.exitCode).toBe(75)
  expect(program.lines().at(-1)?.msg).toMatch(
    /^stopped before .+ token default is not there yet: .+no AudiencePolicy allows it/,
  )
})

test('run: a refusal while a valid token is there ends nothing', async () => {
  putToken()
  signer.answer = () => refusal('no longer allowed')
  const program = sidecar('run')
  await program.line('no longer allowed')
  program.signal('SIGTERM')
  expect(await program.exitCode).toBe(0)
  expect(jtiOf()).toBe('found')
})

const two = [
  { name: 'allowed', audience: 'vault', ttlSeconds: 3600 },
  { name: 'refused', audience: 'other', ttlSeconds: 3600 },
]

/** Refuses the audience `other` at once and grants the rest after a while. */
function refuseOneFirst(): void {
  signer.answer = (asked, response) => {
    if (asked.form.get('audience') === 'other') return refusal('no AudiencePolicy allows other')
    const { body } = yes(asked)
    setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)), 300)
    return undefined
  }
}

test.each(['run', 'once'])('%s: a refusal of one token lets the one that is under way be written', async (verb) => {
  refuseOneFirst()
  const program = sidecar(verb, { tokens: two })
  expect(await program.exitCode).toBe(77)
  expect(program.lines().at(-1)?.msg).toContain('no AudiencePolicy allows other')
  expect(jtiOf('allowed')).toMatch(/^jti-/)
})

test('run: after a restart a refused token does not end the others, on which the application lives', async () => {
  putToken('allowed')
  refuseOneFirst()
  const program = sidecar('run', { tokens: two })
  await program.line('no AudiencePolicy allows other')
  await program.line('token allowed written')
  expect(jtiOf('allowed')).toMatch(/^jti-/)
  program.signal('SIGTERM')
  expect(await program.exitCode).toBe(75)
})

test('run: no inherited variable turns off the verification of the signer', async () => {
  const foreign = await createAuthority('foreign', new Date())
  const wrong = { url: signer.url, caBundle: foreign.certificate }
  const program = sidecar(
    'once',
    { signer: wrong, startDeadlineSeconds: 1 },
    { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } },
  )
  expect(await program.exitCode).toBe(75)
  expect(signer.asked).toEqual([])
})

test('run: while the signer is away it goes on trying, and tells once', async () => {
  const program = sidecar('run', { signer: nowhere }, { env: { TOKEN_PROJECTOR_LOG_LEVEL: 'debug' } })
  await eventually(() => program.lines().filter(({ level }) => level === 'debug').length >= 2 || undefined, 'retries')
  expect(program.lines().filter(({ level }) => level === 'warn').length).toBe(1)
  expect(program.lines()[0]?.msg).toContain('connection refused')
  program.signal('SIGINT')
  expect(await program.exitCode).toBe(75)
  expect(program.lines().at(-1)?.msg).toContain('connection refused')
})

test('run: a folder that does not take the file is told, and no token is lost to it', async () => {
  const program = sidecar('run', { directory: join(root, 'none') })
  expect((await program.line('its directory does not exist')).reason).toBe('token-file-unwritable')
})

test('run: health and metrics follow the tokens', async () => {
  signer.answer = () => ({ status: 503, body: {} })
  const program = sidecar('run', {}, { env: { TOKEN_PROJECTOR_OPS_LISTEN: '127.0.0.1:0' } })
  const { port } = await program.line('health and metrics listening')
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    return { status: response.status, body: await response.text() }
  }
  await program.line('cannot serve now')
  expect(await get('/livez')).toMatchObject({ status: 200 })
  expect(await get('/readyz')).toEqual({ status: 503, body: expect.stringContaining('token default is not there yet') })
  signer.answer = (asked) => yes(asked)
  program.signal('SIGHUP')
  await program.line('token default written')
  expect(await get('/readyz')).toEqual({ status: 200, body: 'ok\n' })
  const exp = readClaims(readFileSync(at('default'), 'utf8'))?.expiresAt
  const { body } = await get('/metrics')
  expect(body).toContain(`token_projector_sidecar_token_expiry_timestamp_seconds{token="default"} ${exp}\n`)
  expect(body).toContain('exchanges_total{token="default",outcome="issued",reason="none"} 1\n')
  expect(body).toMatch(/exchanges_total\{token="default",outcome="failed",reason="signer-unavailable"\} [1-9]/)
})

test('run: a port that is taken is told and the tokens come all the same', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  const program = sidecar('run', {}, { env: { TOKEN_PROJECTOR_OPS_LISTEN: `127.0.0.1:${port}` } })
  await Promise.all([program.line('cannot be listened on'), program.line('token default written')])
  other.close()
})

test('once: every token is fetched and it ends with 0', async () => {
  const tokens = ['default', 'aws'].map((name) => ({ name, audience: name, ttlSeconds: 3600 }))
  const program = sidecar('once', { tokens })
  expect(await program.exitCode).toBe(0)
  expect(readdirSync(directory).sort()).toEqual(['aws', 'default'])
  expect(program.lines().at(-1)?.msg).toBe('every token is there')
})

test('once: a refusal ends it with 77, and is the last line', async () => {
  signer.answer = () => refusal('no AudiencePolicy allows it')
  const program = sidecar('once', { startDeadlineSeconds: 0 })
  expect(await program.exitCode).toBe(77)
  expect(program.lines().at(-1)?.msg).toContain('no AudiencePolicy allows it')
})

test('once: a signer that stays away ends it with 75 after the deadline, and the last line says why', async () => {
  const program = sidecar('once', { signer: nowhere, startDeadlineSeconds: 1 })
  expect(await program.exitCode).toBe(75)
  expect(program.lines().at(-1)?.msg).toMatch(/^deadline of 1 s passed .+connection refused/)
})

test('once: a valid token that cannot be renewed now is good enough', async () => {
  putToken()
  const program = sidecar('once', { signer: nowhere })
  expect(await program.exitCode).toBe(0)
  expect(jtiOf()).toBe('found')
})

test('once: SIGTERM ends it with 75', async () => {
  const program = sidecar('once', { signer: nowhere })
  await program.line('connection refused')
  program.signal('SIGTERM')
  expect(await program.exitCode).toBe(75)
  expect(program.lines().at(-1)?.msg).toMatch(/^stopped before/)
})

const waiting = [
  ['sidecar', ['wait']],
  ['wait', []],
] as const

test.each(waiting)('wait (%s): it ends as soon as the token is there and prints nothing', async (name, args) => {
  const program = start(name, [...args], config())
  started.push(program)
  putToken()
  expect(await program.exitCode).toBe(0)
  expect(program.output()).toBe('')
})

test.each(waiting)('wait (%s): after the deadline it ends with 75 and names the token', async (name, args) => {
  const program = start(name, [...args], config({ startDeadlineSeconds: 1 }))
  started.push(program)
  expect(await program.exitCode).toBe(75)
  expect(program.output()).toContain('no token default within 1 s')
})

test.each(waiting)('wait (%s): where the start does not wait it ends at once', async (name, args) => {
  const program = start(name, [...args], config({ startDeadlineSeconds: 0 }))
  started.push(program)
  expect(await program.exitCode).toBe(0)
})

test.each<[string, 'sidecar' | 'wait', string[]]>([
  ['run', 'sidecar', ['run']],
  ['once', 'sidecar', ['once']],
  ['wait', 'sidecar', ['wait']],
  ['the tiny wait', 'wait', []],
])('%s: a configuration with mistakes ends it with 78 and all of them', async (_what, name, args) => {
  const program = start(
    name,
    args,
    JSON.stringify({ ...config(), directory: 'x', fileMode: '0777', startDeadlineSeconds: -1 }),
  )
  expect(await program.exitCode).toBe(78)
  for (const key of ['directory', 'fileMode', 'startDeadlineSeconds']) {
    expect(program.output()).toContain(`TOKEN_PROJECTOR_SIDECAR.${key}`)
  }
})

test('run: a CA bundle that cannot be parsed ends it with 78', async () => {
  const caBundle = '-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n'
  const program = sidecar('run', { signer: { url: signer.url, caBundle } })
  expect(await program.exitCode).toBe(78)
  expect(program.lines().at(-1)?.msg).toContain('signer.caBundle')
})

test.each([
  [['walk'], 64],
  [[], 64],
  [['--help'], 0],
])('called with %j it prints its usage and ends with %d', async (args, code) => {
  const program = start('sidecar', args, undefined)
  expect(await program.exitCode).toBe(code)
  expect(program.output()).toMatch(/^usage: sidecar run \| once \| wait/)
})

/** Whom a signer believes offline: by a file, over HTTPS, and against every forgery. */
import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { createAuthority, issueLeaf } from '../../../src/certificate/issue.ts'
import { createLog } from '../../../src/log.ts'
import { createJwksCaller } from '../../../src/signer/caller/jwks.ts'
import type { ClusterSettings } from '../../../src/signer/config-file.ts'
import { createClusterIssuer, type MintOverrides } from '../../doubles/cluster-issuer.ts'

const AUDIENCE = 'https://issuer.example/token'
const ISSUER = 'https://cluster.example'
const cluster = await createClusterIssuer({ issuer: ISSUER, audience: AUDIENCE })
const folder = await mkdtemp(join(tmpdir(), 'jwks-'))
afterAll(() => rm(folder, { recursive: true }))
const file = join(folder, 'jwks.json')

let skewMs = 0
let lines: string[] = []
let failures: string[] = []
const log = createLog('info', 'test', (line) => lines.push(line))
const deps = { now: () => Date.now() + skewMs, log, onFetchFailure: (name: string) => failures.push(name) }

beforeEach(async () => {
  skewMs = 0
  lines = []
  failures = []
  await writeFile(file, JSON.stringify(cluster.jwks()))
})

function caller(settings: Partial<ClusterSettings> = {}) {
  const entry = {
    name: 'prod',
    organization: 'acme',
    mode: 'jwks' as const,
    issuer: ISSUER,
    jwks: file,
    apiAudiences: [],
    ...settings,
  }
  return createJwksCaller({ clusters: [entry], identityAudience: AUDIENCE }, deps)
}

test.each(['RS256', 'ES256', 'ES384', 'ES512'] as const)(
  'a token of a cluster that signs with %s is believed',
  async (alg) => {
    const other = await createClusterIssuer({ issuer: ISSUER, audience: AUDIENCE, alg })
    await writeFile(file, JSON.stringify(other.jwks()))
    const authenticate = await caller()
    expect(await authenticate(await other.mint({ pod: 'a-pod', node: 'a-node' }))).toMatchObject({
      cluster: 'prod',
      namespace: 'payments',
      serviceAccount: { name: 'checkout' },
      pod: { name: 'a-pod' },
      node: { name: 'a-node' },
    })
  },
)

test.each([
  ['another audience', { audience: 'vault' }, 'subject-token-audience'],
  ['two audiences', { audience: [AUDIENCE, 'vault'] }, 'subject-token-audience'],
  ['an end in the past', { issuedAt: 1_000_000_000 }, 'subject-token-expired'],
  ['no pod', { claims: { 'kubernetes.io': undefined } }, 'subject-token-not-pod-bound'],
  ['another issuer', { claims: { iss: 'https://evil.example' } }, 'subject-token-untrusted'],
  ['an issuer with a slash', { claims: { iss: `${ISSUER}/` } }, 'subject-token-untrusted'],
  ['an unknown key', { header: { kid: 'unknown' } }, 'subject-token-untrusted'],
  ['no kid', { header: { kid: undefined } }, 'subject-token-malformed'],
] as [string, MintOverrides, string][])('a token with %s is refused', async (_name, overrides, refused) => {
  const authenticate = await caller()
  expect(await authenticate(await cluster.mint(overrides))).toMatchObject({ refused })
})

test('a token that somebody else signed under our kid is refused', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const authenticate = await caller()
  expect(await authenticate(await cluster.mint({ key: privateKey }))).toMatchObject({
    refused: 'subject-token-untrusted',
  })
})

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** The payload of a good token under a header of the attacker's, signed by `sign`. */
async function forged(header: object, sign: (input: string) => string): Promise<string> {
  const [, payload] = (await cluster.mint()).split('.')
  const kid = cluster.jwks().keys[0]?.kid
  const input = `${part({ kid, ...header })}.${payload}`
  return `${input}.${sign(input)}`
}

test.each([
  ['alg none', { alg: 'none' }, () => 'AA'],
  ['alg none in capitals', { alg: 'NONE' }, () => 'AA'],
  [
    'HS256 with the public key as secret',
    { alg: 'HS256' },
    (input: string) => {
      const [jwk] = cluster.jwks().keys
      const pem = createPublicKey({ key: jwk as object, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
      return createHmac('sha256', pem).update(input).digest('base64url')
    },
  ],
  ['another algorithm of the same key', { alg: 'PS256' }, () => 'AA'],
  ['a critical extension', { alg: 'RS256', crit: ['exp'], exp: 1 }, () => 'AA'],
  ['a key of its own', { alg: 'RS256', jwk: cluster.jwks().keys[0] }, () => 'AA'],
  ['no algorithm', {}, () => 'AA'],
] as [string, object, (input: string) => string][])('a forged header is refused: %s', async (_name, header, sign) => {
  const authenticate = await caller()
  expect(await authenticate(await forged(header, sign))).toMatchObject({ refused: 'subject-token-untrusted' })
})

test('a changed payload and a cut signature are refused', async () => {
  const authenticate = await caller()
  const [header, payload = '', signature = ''] = (await cluster.mint()).split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const changed = part({ ...claims, sub: 'system:serviceaccount:kube-system:admin' })
  expect(await authenticate(`${header}.${changed}.${signature}`)).toMatchObject({ refused: 'subject-token-untrusted' })
  expect(await authenticate(`${header}.${payload}.${signature.slice(0, -8)}`)).toMatchObject({
    refused: 'subject-token-untrusted',
  })
})

test('of two clusters the issuer decides, and neither vouches for the other', async () => {
  const other = await createClusterIssuer({ issuer: 'https://other.example', audience: AUDIENCE })
  const otherFile = join(folder, 'other.json')
  await writeFile(otherFile, JSON.stringify(other.jwks()))
  const entry = (name: string, issuer: string, jwks: string) => ({
    name,
    organization: name,
    mode: 'jwks' as const,
    issuer,
    jwks,
    apiAudiences: [],
  })
  const clusters = [entry('one', ISSUER, file), entry('two', other.issuer, otherFile)]
  const authenticate = await createJwksCaller({ clusters, identityAudience: AUDIENCE }, deps)
  expect(await authenticate(await other.mint())).toMatchObject({ cluster: 'two' })
  expect(await authenticate(await other.mint({ claims: { iss: ISSUER } }))).toMatchObject({
    refused: 'subject-token-untrusted',
  })
})

test('a file with a new key is read again', async () => {
  const rotating = await createClusterIssuer({ issuer: ISSUER, audience: AUDIENCE, alg: 'ES256' })
  await writeFile(file, JSON.stringify(rotating.jwks()))
  const authenticate = await caller()
  await rotating.rotate()
  await writeFile(file, JSON.stringify(rotating.jwks()))
  skewMs = 1000
  expect(await authenticate(await rotating.mint())).toMatchObject({ cluster: 'prod' })
})

test('a key file that is missing or no key set ends the start', async () => {
  await expect(caller({ jwks: join(folder, 'none.json') })).rejects.toMatchObject({
    reason: 'configuration-invalid',
    message: expect.stringMatching(/the keys of cluster prod \(.*none\.json\) are unusable: ENOENT/),
  })
  await writeFile(file, '{}')
  await expect(caller()).rejects.toThrow('not a JWK Set with a usable key')
})

const authority = await createAuthority('test root', new Date())
const leaf = await issueLeaf(authority, { dns: ['localhost'] }, new Date())
const caFile = join(folder, 'ca.pem')
await writeFile(caFile, authority.certificate)

/** An https server that publishes keys as `listener` says. */
async function publisher(listener: RequestListener): Promise<{ url: string; stop(): void }> {
  const server = createServer({ cert: leaf.certificate, key: leaf.privateKey }, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = () => {
    server.close()
    server.closeAllConnections()
  }
  onTestFinished(stop)
  return { url: `https://localhost:${(server.address() as AddressInfo).port}/jwks`, stop }
}

const publish: RequestListener = (_request, response) => void response.end(JSON.stringify(cluster.jwks()))

test('keys come over https under a root of their own, and outlive their server', async () => {
  const { url, stop } = await publisher(publish)
  const authenticate = await caller({ jwks: url, caFile })
  expect(await authenticate(await cluster.mint())).toMatchObject({ cluster: 'prod' })
  stop()
  skewMs = 11 * 60_000
  expect(await authenticate(await cluster.mint())).toMatchObject({ cluster: 'prod' })
  expect(failures).toEqual(['prod'])
})

test.each([
  ['a redirect', (_request, response) => void response.writeHead(302, { location: '/other' }).end(), 'answered 302'],
  ['an error', (_request, response) => void response.writeHead(503).end(), 'answered 503'],
  ['something else', (_request, response) => void response.end('<html>'), 'not a JWK Set'],
  ['too much', (_request, response) => void response.end('x'.repeat(300_000)), 'more than 262144 bytes'],
  [
    'half an answer',
    (request, response) => {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('{"keys":[', () => request.socket.destroy())
    },
    'aborted',
  ],
] as [string, RequestListener, string][])(
  '%s for keys is not held against the caller',
  async (_name, listener, why) => {
    const { url } = await publisher(listener)
    const authenticate = await caller({ jwks: url, caFile })
    expect(await authenticate(await cluster.mint())).toMatchObject({
      refused: 'cluster-unavailable',
      message: expect.stringContaining('the keys of cluster prod cannot be fetched now'),
    })
    expect(lines.join()).toContain(why)
    expect(failures.length).toBeGreaterThan(0)
  },
)

test('a server under a root that is not ours is not believed', async () => {
  const { url } = await publisher(publish)
  const authenticate = await caller({ jwks: url })
  expect(await authenticate(await cluster.mint())).toMatchObject({ refused: 'cluster-unavailable' })
  expect(lines.join()).toMatch(/UNABLE_TO_|unable to/)
})

test('a server that is away lets the signer start, a CA file that is away does not', async () => {
  const jwks = 'https://localhost:1/jwks'
  expect(await (await caller({ jwks, caFile }))(await cluster.mint())).toMatchObject({ refused: 'cluster-unavailable' })
  await expect(caller({ jwks, caFile: join(folder, 'none.pem') })).rejects.toThrow(/unusable: ENOENT.*none\.pem/)
  const broken = join(folder, 'broken.pem')
  await writeFile(broken, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
  await expect(caller({ jwks, caFile: broken })).rejects.toThrow(/unusable/)
})

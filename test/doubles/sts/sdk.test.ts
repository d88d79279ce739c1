/** The unmodified AWS SDK for JavaScript signs in at the STS double with a token from a file, over real sockets only. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuthority, issueLeaf, type KeyedCertificate } from '../../../src/certificate/issue.ts'
import { startConnectProxy } from '../connect-proxy.ts'
import { createIssuer, type TestIssuer } from './issuer.ts'

const APPLICATION = resolve(import.meta.dirname, '../../../examples/aws-sdk-js/app.mjs')
const MAIN = resolve(import.meta.dirname, 'main.ts')
const HOST = 'issuer.token-projector.test'
const ISSUER = `https://${HOST}`
const SUBJECT = 'acme:payments:checkout'
const AUDIENCE = 'sts.amazonaws.com'
const ROLE = 'arn:aws:iam::111122223333:role/checkout'
const SIGNED_IN = 'arn:aws:sts::111122223333:assumed-role/checkout/payments-checkout'

let folder: string
let issuer: TestIssuer
let proxyUrl: string
const stops: (() => unknown)[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'token-projector-sts-'))
  stops.push(() => rm(folder, { recursive: true }))
  issuer = await createIssuer(ISSUER)
  const authority = await createAuthority('test', new Date())
  const leaf = await issueLeaf(authority, { dns: [HOST], ip: ['127.0.0.1'] }, new Date())
  await writeFile(join(folder, 'ca.crt'), authority.certificate)
  await writeFile(join(folder, 'tls.crt'), leaf.certificate)
  await writeFile(join(folder, 'tls.key'), leaf.privateKey, { mode: 0o600 })
  const proxy = await startConnectProxy({ [`${HOST}:443`]: await publish(leaf) })
  stops.push(proxy.stop)
  proxyUrl = proxy.url
})
afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

/** Serves the issuer's documents; returns the port. */
async function publish({ certificate, privateKey }: KeyedCertificate): Promise<number> {
  const documents = issuer.documents()
  const server = createServer({ cert: certificate, key: privateKey }, (request, response) => {
    const document = documents[`${ISSUER}${request.url}`]
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(document))
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  stops.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

interface Run {
  exitCode: number | undefined
  /** What the application printed, by line. */
  lines: string[]
  stderr: string
  /** What the double printed after it listened. */
  events: Record<string, unknown>[]
}

/**
 * Starts a double of its own, lets the application sign in with the token `first`, and replaces the file by the token
 * `second` as soon as the double has answered its first GetCallerIdentity.
 */
async function run(options: {
  name: string
  sessionSeconds?: number
  pauseSeconds: number
  sub?: string
}): Promise<Run> {
  const tokenFile = join(folder, `${options.name}-token`)
  await project(tokenFile, 'first')
  const sts = execa(process.execPath, [MAIN], {
    extendEnv: false,
    env: {
      NODE_USE_ENV_PROXY: '1',
      HTTPS_PROXY: proxyUrl,
      NODE_EXTRA_CA_CERTS: join(folder, 'ca.crt'),
      STS_DOUBLE: JSON.stringify({
        providers: [{ issuer: ISSUER, clientIds: [AUDIENCE] }],
        roles: [{ arn: ROLE, trust: { issuer: ISSUER, aud: AUDIENCE, sub: options.sub ?? SUBJECT } }],
        tls: { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') },
        ...(options.sessionSeconds && { sessionSeconds: options.sessionSeconds }),
      }),
    },
  })
  const lines = createInterface({ input: sts.stdout })
  const events: Record<string, unknown>[] = []
  let swapped: Promise<void> | undefined
  const listening = new Promise<string>((resolve) => {
    lines.on('line', (line) => {
      const event = JSON.parse(line)
      if (event.event === 'listening') return resolve(event.url)
      events.push(event)
      if (event.action === 'GetCallerIdentity') swapped ??= project(tokenFile, 'second')
    })
  })
  const drained = new Promise((resolve) => lines.once('close', resolve))
  const application = await signIn(await Promise.race([listening, sts.then(() => '')]), tokenFile, options.pauseSeconds)
  await swapped
  sts.kill('SIGTERM')
  await Promise.all([sts, drained])
  const { exitCode, stdout, stderr } = application
  return { exitCode, lines: stdout.split('\n'), stderr, events }
}

function signIn(url: string, tokenFile: string, pauseSeconds: number) {
  return execa(process.execPath, [APPLICATION, String(pauseSeconds)], {
    extendEnv: false,
    reject: false,
    env: {
      AWS_REGION: 'eu-central-1',
      AWS_ROLE_ARN: ROLE,
      AWS_ROLE_SESSION_NAME: 'payments-checkout',
      AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
      AWS_ENDPOINT_URL_STS: url,
      NODE_EXTRA_CA_CERTS: join(folder, 'ca.crt'),
    },
  })
}

async function project(file: string, jti: string): Promise<void> {
  const now = Math.floor(Date.now() / 1000)
  const token = await issuer.sign({ iss: ISSUER, sub: SUBJECT, aud: AUDIENCE, iat: now, exp: now + 3600, jti })
  await writeFile(`${file}.next`, token)
  await rename(`${file}.next`, file)
}

function jtis({ events }: Run, action: string): unknown[] {
  return events.filter((event) => event['action'] === action).map((event) => event['jti'])
}

// The SDK keeps real time, and so do these pauses; run beside each other they take the longest one.
test.concurrent('a session that ended between two calls is replaced by one of the rotated token', async () => {
  const result = await run({ name: 'ended', sessionSeconds: 5, pauseSeconds: 6 })
  expect(result).toMatchObject({ exitCode: 0, lines: [SIGNED_IN, SIGNED_IN] })
  expect(jtis(result, 'GetCallerIdentity')).toEqual(['first', 'second'])
})

test.concurrent('a session of 240 s is renewed at the second call, with the rotated token', async () => {
  const result = await run({ name: 'renewed', pauseSeconds: 3 })
  expect(result).toMatchObject({ exitCode: 0, lines: [SIGNED_IN, SIGNED_IN] })
  const renewals = jtis(result, 'AssumeRoleWithWebIdentity')
  expect([renewals.at(0), renewals.at(-1)]).toEqual(['first', 'second'])
})

test.concurrent('a role that trusts somebody else makes the application fail with the code of AWS', async () => {
  const result = await run({ name: 'denied', pauseSeconds: 0, sub: 'acme:payments:billing' })
  expect(result).toMatchObject({ exitCode: 1, lines: [''] })
  expect(result.stderr).toContain('AccessDenied')
  expect(result.events).toEqual([expect.objectContaining({ outcome: 'AccessDenied', jti: 'first', sub: SUBJECT })])
})

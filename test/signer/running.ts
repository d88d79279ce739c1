/** Starts a whole signer on loopback with a cluster of its own, and asks it as a sidecar and a verifier would. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import { get as httpGet } from 'node:http'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createAuthority, issueLeaf } from '../../src/certificate/issue.ts'
import { createLog } from '../../src/log.ts'
import { type Signer, type SignerDeps, startSigner } from '../../src/signer/app.ts'
import { parseSignerConfig } from '../../src/signer/config.ts'
import { type ClusterIssuer, createClusterIssuer } from '../doubles/cluster-issuer.ts'

export const ISSUER = 'https://issuer.token-projector.test/acme'
export const AUDIENCE = `${ISSUER}/token`
export const POLICY = `
apiVersion: token-projector.dev/v1alpha1
kind: AudiencePolicy
metadata: {name: checkout-to-aws}
spec:
  effect: Allow
  from: {namespaces: [payments], serviceAccounts: [checkout]}
  to: {audiences: [sts.amazonaws.com]}
`

export const authority = await createAuthority('test root', new Date())

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

export interface Ask {
  method?: string
  path: string
  headers?: Record<string, string>
  body?: string
}

export interface RunningSigner {
  folder: string
  cluster: ClusterIssuer
  ports: Signer['ports']
  lines: string[]
  audit(): Record<string, unknown>[]
  auditText(): string
  ask(listener: 'exchange' | 'public', ask: Ask): Promise<Answer>
  /** An exchange with the parameters of a sidecar, of which `form` replaces some and undefined removes. */
  exchange(form: Record<string, string | undefined>): Promise<Answer>
  ops(path: string): Promise<Answer>
  stop(): Promise<void>
}

export interface RunningOptions {
  policy?: string
  /** Lines below the issuer in signer.yaml. */
  issuerLines?: string
  deps?: Partial<SignerDeps>
}

/** The folder and environment of a signer: certificate, cluster keys, policy and signer.yaml. */
export async function prepareSigner({ policy = POLICY, issuerLines = '' }: RunningOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'signer-'))
  const cluster = await createClusterIssuer({ issuer: 'https://cluster.example', audience: AUDIENCE, alg: 'ES256' })
  const leaf = await issueLeaf(authority, { dns: ['localhost', 'issuer.token-projector.test'] }, new Date())
  const yaml = `
issuers:
  - url: ${ISSUER}
    organization: acme
    ${issuerLines}
clusters:
  - {name: prod, organization: acme, mode: jwks, issuer: 'https://cluster.example', jwks: cluster.json}
`
  const files = { 'tls.crt': leaf.certificate, 'tls.key': leaf.privateKey, 'policy.yaml': policy, 'signer.yaml': yaml }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  await writeFile(join(folder, 'cluster.json'), JSON.stringify(cluster.jwks()))
  const env = {
    TOKEN_PROJECTOR_SIGNER_CONFIG: join(folder, 'signer.yaml'),
    TOKEN_PROJECTOR_POLICY_FILE: join(folder, 'policy.yaml'),
    TOKEN_PROJECTOR_KEY_FILE: join(folder, 'keys.json'),
    TOKEN_PROJECTOR_TLS_DIRECTORY: folder,
    TOKEN_PROJECTOR_EXCHANGE_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_PUBLIC_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_OPS_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_DRAIN_SECONDS: '0',
  }
  return { folder, cluster, env, remove: () => rm(folder, { recursive: true, force: true }) }
}

export async function runSigner(options: RunningOptions = {}): Promise<RunningSigner> {
  const { folder, cluster, env, remove } = await prepareSigner(options)
  const lines: string[] = []
  const audited: string[] = []
  const log = createLog('debug', 'signer', (line) => lines.push(line))
  const writeAudit = (line: string) => void audited.push(line)
  const signer = await startSigner(parseSignerConfig(env), {
    now: Date.now,
    random: Math.random,
    randomUUID,
    log,
    writeAudit,
    ...options.deps,
  })
  const stop = async () => {
    await signer.stop()
    await remove()
  }
  const ask: RunningSigner['ask'] = (listener, asked) => askHttps(signer.ports[listener], asked)
  return {
    folder,
    cluster,
    ports: signer.ports,
    lines,
    audit: () => audited.map((line) => JSON.parse(line)),
    auditText: () => audited.join(''),
    ask,
    exchange: (form) => ask('exchange', { method: 'POST', path: '/token', ...formOf(form) }),
    ops: (path) => askOps(signer.ports.ops, path),
    stop,
  }
}

/** A signer that ends with the test. */
export async function runSignerInTest(options: RunningOptions = {}): Promise<RunningSigner> {
  const signer = await runSigner(options)
  onTestFinished(signer.stop)
  return signer
}

export function formOf(form: Record<string, string | undefined>): { headers: Record<string, string>; body: string } {
  const whole = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    requested_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    audience: 'sts.amazonaws.com',
    ttl_seconds: '3600',
    ...form,
  }
  const present = Object.entries(whole).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(present).toString(),
  }
}

export function askHttps(port: number, { method = 'GET', path, headers = {}, body }: Ask): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const options = { host: '127.0.0.1', port, servername: 'localhost', ca: authority.certificate, agent: false as const }
  const outgoing = request({ ...options, method, path, headers }, (incoming) => collect(incoming, resolve))
  outgoing.on('error', reject)
  outgoing.end(body)
  return promise
}

function askOps(port: number, path: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  httpGet({ host: '127.0.0.1', port, path, agent: false }, (incoming) => collect(incoming, resolve)).on('error', reject)
  return promise
}

function collect(incoming: import('node:http').IncomingMessage, resolve: (answer: Answer) => void): void {
  const chunks: Buffer[] = []
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  incoming.on('end', () =>
    resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks).toString() }),
  )
}

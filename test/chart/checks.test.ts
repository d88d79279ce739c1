/** What `helm test` runs passes beside services that work, and fails beside what is not ours or not trusted. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuthority, issueLeaf } from '../../src/certificate/issue.ts'
import { run } from '../cluster/command.ts'
import { parseLine, startChild } from '../demo/child.ts'
import { freePort } from '../demo/stage.ts'
import { createClusterIssuer } from '../doubles/cluster-issuer.ts'
import { type Manifest, ofKind, render } from './helm.ts'

const ISSUER = 'https://issuer.token-projector.test/acme'
const cleanup = new AsyncDisposableStack()
let folder: string
let ports: Record<'webhook' | 'signer', Record<string, number>>
let pods: Manifest[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'token-projector-check-'))
  cleanup.defer(() => rm(folder, { recursive: true }))
  await writeFolder()
  const file = (name: string) => join(folder, name)
  const common = {
    TOKEN_PROJECTOR_OPS_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_TLS_DIRECTORY: folder,
    TOKEN_PROJECTOR_DRAIN_SECONDS: '0',
  }
  const signer = await startService('signer', {
    ...common,
    TOKEN_PROJECTOR_EXCHANGE_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_PUBLIC_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_SIGNER_CONFIG: file('signer.yaml'),
    TOKEN_PROJECTOR_POLICY_FILE: file('policy.yaml'),
    TOKEN_PROJECTOR_KEY_FILE: file('keys.json'),
  })
  const webhook = await startService('webhook', {
    ...common,
    TOKEN_PROJECTOR_WEBHOOK_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_SIDECAR_IMAGE: 'token-projector',
    TOKEN_PROJECTOR_SIGNER_URL: 'https://localhost',
    TOKEN_PROJECTOR_IDENTITY_AUDIENCE: `${ISSUER}/token`,
    TOKEN_PROJECTOR_POLICY_CHECK: 'off',
  })
  ports = { signer, webhook }
  pods = ofKind(await render({ issuer: { url: ISSUER } }), 'Pod')
})
afterAll(() => cleanup.disposeAsync())

async function writeFolder(): Promise<void> {
  const now = new Date()
  const authority = await createAuthority('check root', now)
  const stranger = await createAuthority('another root', now)
  const leaf = await issueLeaf(authority, { dns: ['localhost'], ip: ['127.0.0.1'] }, now)
  const cluster = await createClusterIssuer({ issuer: 'https://cluster.example', audience: `${ISSUER}/token` })
  const files = {
    'tls.crt': leaf.certificate,
    'tls.key': leaf.privateKey,
    'ca.crt': authority.certificate,
    'stranger.crt': stranger.certificate,
    'cluster.json': JSON.stringify(cluster.jwks()),
    'policy.yaml': '',
    'signer.yaml': JSON.stringify({
      issuers: [{ url: ISSUER, organization: 'acme' }],
      clusters: [
        { name: 'prod', organization: 'acme', mode: 'jwks', issuer: 'https://cluster.example', jwks: 'cluster.json' },
      ],
    }),
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
}

async function startService(name: string, env: Record<string, string>): Promise<Record<string, number>> {
  const main = new URL(`../../src/${name}/main.ts`, import.meta.url).pathname
  const child = startChild([process.execPath, main], env)
  cleanup.defer(() => child.stop())
  return child.firstLine((line) => {
    const entry = parseLine(line)
    return entry?.['msg'] === 'serving' ? (entry['ports'] as Record<string, number>) : undefined
  })
}

const portOf = (service: 'webhook' | 'signer') =>
  (service === 'signer' ? ports.signer['public'] : ports.webhook['admission']) ?? 0

/** Runs the pod's command as the kubelet would, but for where things are on this machine. */
function check(service: 'webhook' | 'signer', overrides: Record<string, string> = {}): Promise<string> {
  const pod = pods.find(({ metadata }) => metadata.name.endsWith(`${service}-check`))
  const [container] = pod?.['spec'].containers ?? []
  const [, ...command] = container.command
  const set = Object.fromEntries(container.env.map(({ name, value }: Manifest) => [name, value]))
  const here = { BASE: `https://127.0.0.1:${portOf(service)}`, HOST: 'localhost', ROOTS: join(folder, 'ca.crt') }
  const environment = { ...set, ...here, ...overrides }
  return run([process.execPath, ...command, ...container.args], { environment, bare: true, timeoutMs: 20_000 })
}

test('a signer that publishes is found well', async () => {
  expect(await check('signer')).toBe(`issuer ${ISSUER}: 2 public keys\n`)
})

test('a webhook that answers is found well', async () => {
  expect(await check('webhook')).toBe('the webhook answers reviews and leaves a pod without annotations alone\n')
})

test.each(['signer', 'webhook'] as const)('a %s whose certificate another root signed is not', async (service) => {
  await expect(check(service, { ROOTS: join(folder, 'stranger.crt') })).rejects.toThrow(/unable to verify|self.signed/)
})

test.each(['signer', 'webhook'] as const)('a %s under another name is not', async (service) => {
  await expect(check(service, { HOST: 'elsewhere.svc' })).rejects.toThrow("does not match certificate's altnames")
})

test('a signer of another issuer is not', async () => {
  await expect(check('signer', { ISSUER: 'https://other.token-projector.test/acme' })).rejects.toThrow(
    `discovery says issuer ${ISSUER}`,
  )
})

test.each(['signer', 'webhook'] as const)(
  'a %s whose Service leads to its pods only later is found well',
  async (service) => {
    const port = await freePort()
    const found = check(service, { BASE: `https://127.0.0.1:${port}` })
    // One that listens when the check has met nobody there.
    const server = createServer((client) => client.pipe(connect(portOf(service), '127.0.0.1')).pipe(client))
    cleanup.defer(() => void server.close())
    await sleep(1_000)
    server.listen(port, '127.0.0.1')
    expect(await found).toMatch(/public keys|leaves a pod without annotations alone/)
  },
)

test('where nobody ever listens, the check says so', async () => {
  const nobody = { BASE: `https://127.0.0.1:${await freePort()}`, PATIENCE_SECONDS: '1' }
  await expect(check('webhook', nobody)).rejects.toThrow('ECONNREFUSED')
})

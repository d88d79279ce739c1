/** One token's whole way through the three real processes, which get nothing but their documented environment. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { issueLeaf } from '../src/certificate/issue.ts'
import {
  IDENTITY_DIRECTORY,
  IMAGE_NODE,
  IMAGE_SIDECAR,
  IMAGE_WAIT,
  SIDECAR_CONTAINER,
  TOKENS_DIRECTORY,
} from '../src/contract.ts'
import { admit, type Pod } from './demo/admission.ts'
import { type Child, parseLine, startChild } from './demo/child.ts'
import { type ClusterIssuer, createClusterIssuer } from './doubles/cluster-issuer.ts'
import { inNamespace, namespaceProblem } from './flow/namespace.ts'
import { askHttps, authority } from './signer/running.ts'

const ISSUER = 'https://issuer.token-projector.test'
const source = (path: string) => new URL(`../src/${path}`, import.meta.url).pathname
const cleanup = new AsyncDisposableStack()
const problem = namespaceProblem()

let folder: string
let cluster: ClusterIssuer
let signer: Service
let webhook: Service

interface Service {
  child: Child
  ports: Record<string, number>
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'token-projector-flow-'))
  cleanup.defer(() => rm(folder, { recursive: true }))
  cluster = await createClusterIssuer({ issuer: 'https://cluster.example', audience: `${ISSUER}/token` })
  await writeFolder()
  const common = {
    TOKEN_PROJECTOR_OPS_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_TLS_DIRECTORY: folder,
    TOKEN_PROJECTOR_POLICY_FILE: join(folder, 'policy.yaml'),
    TOKEN_PROJECTOR_DRAIN_SECONDS: '0',
  }
  signer = await startService('signer', {
    ...common,
    TOKEN_PROJECTOR_EXCHANGE_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_PUBLIC_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_SIGNER_CONFIG: join(folder, 'signer.yaml'),
    TOKEN_PROJECTOR_KEY_FILE: join(folder, 'keys.json'),
  })
  webhook = await startService('webhook', {
    ...common,
    TOKEN_PROJECTOR_WEBHOOK_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_SIDECAR_IMAGE: 'token-projector:test',
    TOKEN_PROJECTOR_SIGNER_URL: `https://localhost:${signer.ports.exchange}`,
    TOKEN_PROJECTOR_SIGNER_CA_FILE: join(folder, 'ca.crt'),
    TOKEN_PROJECTOR_IDENTITY_AUDIENCE: `${ISSUER}/token`,
  })
})
afterAll(() => cleanup.disposeAsync())

async function writeFolder(): Promise<void> {
  const leaf = await issueLeaf(authority, { dns: ['localhost'], ip: ['127.0.0.1'] }, new Date())
  const files = {
    'tls.crt': leaf.certificate,
    'tls.key': leaf.privateKey,
    'ca.crt': authority.certificate,
    'cluster.json': JSON.stringify(cluster.jwks()),
    'policy.yaml': policy('[sts.amazonaws.com, vault]'),
    'signer.yaml': JSON.stringify({
      issuers: [{ url: ISSUER, organization: 'acme' }],
      clusters: [
        { name: 'prod', organization: 'acme', mode: 'jwks', issuer: 'https://cluster.example', jwks: 'cluster.json' },
      ],
    }),
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
}

function policy(audiences: string): string {
  return `apiVersion: token-projector.dev/v1alpha1
kind: AudiencePolicy
metadata: {name: checkout}
spec:
  effect: Allow
  from: {namespaces: [payments], serviceAccounts: [checkout]}
  to: {audiences: ${audiences}}
`
}

async function startService(name: string, env: Record<string, string>): Promise<Service> {
  const child = startChild([process.execPath, source(`${name}/main.ts`)], env)
  cleanup.defer(() => child.stop())
  const ports = await child.firstLine((line) => {
    const entry = parseLine(line)
    return entry?.msg === 'serving' ? (entry.ports as Record<string, number>) : undefined
  })
  return { child, ports }
}

function pod(annotations: Record<string, string>): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: 'payments',
      generateName: 'checkout-',
      annotations: Object.fromEntries(
        Object.entries(annotations).map(([name, value]) => [`token-projector.dev/${name}`, value]),
      ),
    },
    spec: { serviceAccountName: 'checkout', containers: [{ name: 'app', image: 'app' }] },
  } as unknown as Pod
}

const review = (annotations: Record<string, string>) =>
  admit(pod(annotations), `https://localhost:${webhook.ports.admission}/mutate`, authority.certificate)

/** The parts of an injected pod that the kubelet would act on. */
interface Injected {
  spec: {
    initContainers: {
      name: string
      command: string[]
      args: string[]
      env: { name: string; value: string }[]
      lifecycle: { postStart: { exec: { command: string[] } } }
    }[]
    volumes: { name: string; projected?: { sources: [{ serviceAccountToken: { audience: string } }] } }[]
  }
}

/** What the image holds at these paths. */
const PROGRAMS: Record<string, string> = {
  [IMAGE_NODE]: process.execPath,
  [IMAGE_SIDECAR]: source('sidecar/main.ts'),
  [IMAGE_WAIT]: source('sidecar/wait/main.ts'),
}
const fromCheckout = (command: readonly string[]) => command.map((part) => PROGRAMS[part] ?? part)

/** Plays the kubelet for our container alone: its volumes, its identity token, its environment, its hook. */
async function runSidecar(injected: Injected, name: string) {
  const container = injected.spec.initContainers.find((one) => one.name === SIDECAR_CONTAINER)
  const source = injected.spec.volumes.find((one) => one.projected !== undefined)?.projected?.sources[0]
  if (container === undefined || source === undefined) throw new Error('the webhook injected no sidecar')
  const tokens = join(folder, name, 'tokens')
  const identity = join(folder, name, 'identity')
  for (const path of [tokens, identity]) await mkdir(path, { recursive: true })
  await writeFile(join(identity, 'token'), await cluster.mint({ audience: source.serviceAccountToken.audience }))
  const binds = [
    { from: tokens, to: TOKENS_DIRECTORY },
    { from: identity, to: IDENTITY_DIRECTORY },
  ]
  const env = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    ...Object.fromEntries(container.env.map(({ name, value }) => [name, value])),
  }
  const start = (command: readonly string[]) => startChild(inNamespace(binds, fromCheckout(command)), env)
  const sidecar = start([...container.command, ...container.args])
  cleanup.defer(() => sidecar.stop())
  return { tokens, identity, sidecar, hook: () => start(container.lifecycle.postStart.exec.command).exitCode }
}

async function published(): Promise<{ issuer: string; keys: ReturnType<typeof createLocalJWKSet> }> {
  const ask = async (path: string) => JSON.parse((await askHttps(signer.ports.public ?? 0, { path })).body)
  const discovery = await ask('/.well-known/openid-configuration')
  const jwks: JSONWebKeySet = await ask(new URL(discovery.jwks_uri).pathname)
  return { issuer: discovery.issuer, keys: createLocalJWKSet(jwks) }
}

test.skipIf(problem !== undefined)(
  'an annotated pod in, verified tokens out: the sidecar gets exactly what the webhook produced',
  async () => {
    const { pod: injected } = await review({
      'aws-role-arn': 'arn:aws:iam::111122223333:role/checkout',
      'vault-role': 'checkout',
    })
    const { tokens, sidecar, hook } = await runSidecar(injected as unknown as Injected, 'whole-way')

    expect(await hook()).toBe(0)
    expect((await readdir(tokens)).sort()).toEqual(['aws', 'vault', 'vault.json'])
    const { issuer, keys } = await published()
    for (const [name, audience] of [
      ['aws', 'sts.amazonaws.com'],
      ['vault', 'vault'],
    ] as const) {
      const token = await readFile(join(tokens, name), 'utf8')
      const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience })
      expect(Object.keys(protectedHeader).sort()).toEqual(['alg', 'kid', 'typ'])
      expect(payload).toMatchObject({ sub: 'acme:payments:checkout', aud: audience, namespace: 'payments' })
      expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(3600)
    }
    await sidecar.stop()
    expect(await sidecar.exitCode).toBe(0)
  },
)

test.skipIf(problem !== undefined)(
  'an audience that policy no longer allows is refused at the exchange, and the last log line names the missing rule',
  async () => {
    const { pod: injected } = await review({ audience: 'vault' })
    await writeFile(join(folder, 'policy.yaml'), policy('[sts.amazonaws.com]'))
    await signer.child.firstLine((line) => (line.includes('policy reloaded') ? line : undefined))
    const { sidecar, tokens } = await runSidecar(injected as unknown as Injected, 'refused')
    const lines: string[] = []
    sidecar.onLine((line) => lines.push(line))
    expect(await sidecar.exitCode).toBe(77)
    expect(await readdir(tokens)).toEqual([])
    expect(lines.at(-1)).toContain(
      'no AudiencePolicy allows service account payments/checkout the audience vault; add one with from.namespaces [payments]',
    )
  },
)

test('an audience that policy denies is refused at admission, and the message names the missing rule', async () => {
  await expect(review({ audience: 'api://AzureADTokenExchange' })).rejects.toThrow(
    'no AudiencePolicy allows service account payments/checkout the audience api://AzureADTokenExchange; add one with from.namespaces [payments], from.serviceAccounts [checkout], to.audiences [api://AzureADTokenExchange]',
  )
})

test('a typing error is refused at admission with the nearest known annotation', async () => {
  await expect(review({ audienc: 'vault' })).rejects.toThrow(
    /token-projector\.dev\/audienc\b.*token-projector\.dev\/audience\b/,
  )
})

test('no process has printed a token', () => {
  for (const { child } of [signer, webhook]) {
    expect(child.output()).toContain('serving')
    expect(child.output()).not.toMatch(/eyJ[A-Za-z0-9_-]{10,}/)
  }
})

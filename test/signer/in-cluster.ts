/** Runs a signer as a pod of the chart would, against an API server, and asks it as probes and sidecars do. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, vi } from 'vitest'
import type { Log } from '../../src/log.ts'
import { type Signer, startSigner } from '../../src/signer/app.ts'
import { parseSignerConfig } from '../../src/signer/config.ts'
import { formOf } from './running.ts'

export interface Installation {
  kubeconfig: string
  namespace: string
  /** Text of signer.yaml. */
  settings: string
  /** Names of the Secrets and of the ConfigMap of the roots. */
  keySecret: string
  tlsSecret: string
  caConfigMap: string
  /** DNS name of the certificate. */
  dnsName: string
  log: Log
}

/** A signer that ends with the test. */
export async function startInCluster(installation: Installation): Promise<Signer> {
  const folder = await mkdtemp(join(tmpdir(), 'signer-cluster-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'signer.yaml')
  await writeFile(file, installation.settings)
  const config = parseSignerConfig({
    TOKEN_PROJECTOR_SIGNER_CONFIG: file,
    TOKEN_PROJECTOR_KUBECONFIG: installation.kubeconfig,
    TOKEN_PROJECTOR_NAMESPACE: installation.namespace,
    TOKEN_PROJECTOR_KEY_SECRET: installation.keySecret,
    TOKEN_PROJECTOR_TLS_SECRET: installation.tlsSecret,
    TOKEN_PROJECTOR_TLS_NAMES: installation.dnsName,
    TOKEN_PROJECTOR_SIGNER_CA_CONFIGMAP: installation.caConfigMap,
    TOKEN_PROJECTOR_EXCHANGE_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_PUBLIC_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_OPS_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_DRAIN_SECONDS: '0',
  })
  const { log } = installation
  const deps = { now: Date.now, random: Math.random, randomUUID, log, writeAudit: () => undefined }
  const signer = await startSigner(config, deps)
  onTestFinished(() => signer.stop())
  return signer
}

export interface Answer {
  status: number
  body: string
}

export function readiness({ ports }: Signer): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const options = { host: '127.0.0.1', port: ports.ops, path: '/readyz', agent: false }
  httpGet(options, (incoming) => collect(incoming, resolve)).on('error', reject)
  return promise
}

export async function untilReady(...signers: Signer[]): Promise<void> {
  for (const signer of signers) {
    await vi.waitFor(async () => expect(await readiness(signer)).toMatchObject({ status: 200 }), 8000)
  }
}

/** @param ca the roots that the signer published, PEM */
export function askWith(
  { ca, servername }: { ca: string; servername: string },
  port: number,
  path: string,
  form?: Record<string, string>,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const { headers, body } = form === undefined ? { headers: {}, body: undefined } : formOf(form)
  const options = { host: '127.0.0.1', port, servername, ca, agent: false as const, path, headers }
  const method = form === undefined ? 'GET' : 'POST'
  const outgoing = request({ ...options, method }, (incoming) => collect(incoming, resolve))
  outgoing.on('error', reject)
  outgoing.end(body)
  return promise
}

function collect(incoming: IncomingMessage, resolve: (answer: Answer) => void): void {
  let body = ''
  incoming.setEncoding('utf8')
  incoming.on('data', (chunk: string) => {
    body += chunk
  })
  incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body }))
}

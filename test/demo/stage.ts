/** Everything that stands before the demo's first step: a private folder, certificates, a policy, a free port. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseDocument } from 'yaml'
import { createAuthority, issueLeaf, type KeyedCertificate } from '../../src/certificate/issue.ts'

export const ISSUER = 'https://issuer.token-projector.test'
export const ORGANIZATION = 'acme'
/** So that a token is seen to be rotated while you watch; an installation lets them live for an hour. */
const DEMO_TTL_SECONDS = 12

export interface Stage {
  folder: string
  caFile: string
  /** Directories that hold tls.crt, tls.key and ca.crt. */
  tls: { webhook: string; signer: string; sts: string }
  policyFile: string
  remove(): Promise<void>
}

/** @param breakPolicy the rule then names another service account */
export async function setStage(root: string, breakPolicy: boolean): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'token-projector-demo-'))
  const now = new Date()
  const authority = await createAuthority('token-projector demo', now)
  const issuerHost = new URL(ISSUER).hostname
  const tls = {
    webhook: await directory(folder, 'webhook', authority, now, ['localhost']),
    signer: await directory(folder, 'signer', authority, now, ['localhost', issuerHost]),
    sts: await directory(folder, 'sts', authority, now, ['localhost']),
  }
  const policyFile = join(folder, 'policy.yaml')
  await writeFile(policyFile, await demoPolicy(join(root, 'examples/aws-sdk-js/policy.yaml'), breakPolicy))
  return {
    folder,
    caFile: join(tls.sts, 'ca.crt'),
    tls,
    policyFile,
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

async function directory(
  folder: string,
  name: string,
  authority: KeyedCertificate,
  now: Date,
  dns: string[],
): Promise<string> {
  const leaf = await issueLeaf(authority, { dns, ip: ['127.0.0.1'] }, now)
  const path = join(folder, `${name}-tls`)
  await mkdir(path, { mode: 0o700 })
  await writeFile(join(path, 'tls.crt'), leaf.certificate)
  await writeFile(join(path, 'tls.key'), leaf.privateKey, { mode: 0o600 })
  await writeFile(join(path, 'ca.crt'), authority.certificate)
  return path
}

/** The example's own policy with shorter lives. */
async function demoPolicy(example: string, breakPolicy: boolean): Promise<string> {
  const policy = parseDocument(await readFile(example, 'utf8'))
  policy.setIn(['spec', 'maxTtlSeconds'], DEMO_TTL_SECONDS)
  if (breakPolicy) policy.setIn(['spec', 'from', 'serviceAccounts'], ['somebody-else'])
  return policy.toString()
}

/** A loopback port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

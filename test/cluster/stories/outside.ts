/** The world outside the cluster, played on its node: a gateway before the issuer, AWS, and another cluster's API server. */
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createAuthority, issueLeaf, type KeyedCertificate } from '../../../src/certificate/issue.ts'
import { type Child, parseLine, startChild } from '../../demo/child.ts'
import { ETCD_URL, NODE_ADDRESS } from '../layout.ts'
import { until } from '../wait.ts'
import { type Installation, ISSUER, NAMESPACE, RELEASE } from './installation.ts'

const DOUBLES = join(import.meta.dirname, '../../doubles')
export const ISSUER_HOST = new URL(ISSUER).hostname
/** Everybody out there has this address; what they are is told by name and port. */
export const OUTSIDE = { [ISSUER_HOST]: NODE_ADDRESS }

export interface Outside {
  /** PEM, the root that vouches for everybody out there. */
  ca: string
  caFile: string
  /** Runs a program of this tree on the node; it ends with the cluster at the latest. */
  start(script: string, env: Record<string, string>): Child
  /** Paths of a certificate and its key for these names and the node's address. */
  certify(name: string, dns: readonly string[]): Promise<{ certFile: string; keyFile: string }>
  directory: string
}

export async function openOutside({ cluster }: Installation): Promise<Outside> {
  const directory = join(cluster.directory, 'outside')
  await mkdir(directory, { mode: 0o700 })
  const authority = await createAuthority('the world outside', new Date())
  const caFile = join(directory, 'ca.crt')
  await writeFile(caFile, authority.certificate)
  return {
    ca: authority.certificate,
    caFile,
    directory,
    start: (script, env) => startChild(cluster.within([process.execPath, join(DOUBLES, script)]), env),
    certify: (name, dns) => certify(directory, authority, name, dns),
  }
}

async function certify(directory: string, authority: KeyedCertificate, name: string, dns: readonly string[]) {
  const leaf = await issueLeaf(authority, { dns, ip: [NODE_ADDRESS] }, new Date())
  const [certFile, keyFile] = [join(directory, `${name}.crt`), join(directory, `${name}.key`)]
  await writeFile(certFile, leaf.certificate)
  await writeFile(keyFile, leaf.privateKey, { mode: 0o600 })
  return { certFile, keyFile }
}

/** From now on the issuer's URL answers, as an Ingress would make it. */
export async function startGateway(outside: Outside, { cluster, get }: Installation): Promise<void> {
  const name = `${RELEASE}-signer-public`
  const { spec } = await get(NAMESPACE, 'service', name)
  const roots = await get(NAMESPACE, 'configmap', `${RELEASE}-signer-ca`)
  const caFile = join(outside.directory, 'signer-ca.crt')
  await writeFile(caFile, roots['data']['ca.crt'])
  const gateway = {
    listen: { host: NODE_ADDRESS, port: 443 },
    tls: await outside.certify('gateway', [ISSUER_HOST]),
    upstream: { host: spec.clusterIP, port: 443, servername: `${name}.${NAMESPACE}.svc`, caFile },
  }
  await outside.start('gateway/main.ts', { GATEWAY: JSON.stringify(gateway) }).firstLine(listening)
  const url = `${ISSUER}/.well-known/openid-configuration`
  await until('the issuer answers outside', () => cluster.enter(['curl', '-sf', '--cacert', outside.caFile, url]))
}

export const listening = (line: string) => {
  const said = parseLine(line)
  return said?.event === 'listening' ? said : undefined
}

export interface SecondApiServer {
  url: string
  /** As its administrator. */
  kubectl(args: readonly string[], input?: string): Promise<string>
}

const SECOND_PORT = 7443

/** An API server that shares nothing with the cluster but etcd's process, and believes our issuer by its own look at it. */
export async function startSecondApiServer(
  outside: Outside,
  { cluster }: Installation,
  authentication: object,
): Promise<SecondApiServer> {
  const { directory } = outside
  const at = (name: string) => join(directory, name)
  const url = `https://${NODE_ADDRESS}:${SECOND_PORT}`
  const token = randomUUID()
  const { certFile, keyFile } = await outside.certify('second-apiserver', [])
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  await writeFile(at('second-sa.key'), privateKey, { mode: 0o600 })
  await writeFile(at('second-sa.pub'), publicKey)
  await writeFile(at('second-tokens.csv'), `${token},admin,admin,"system:masters"\n`, { mode: 0o600 })
  await writeFile(at('authentication.json'), JSON.stringify(authentication))
  await writeFile(at('second.kubeconfig'), JSON.stringify(kubeconfig(url, outside.ca, { token })), { mode: 0o600 })
  const command = [
    'kube-apiserver',
    `--etcd-servers=${ETCD_URL}`,
    '--etcd-prefix=/second',
    `--bind-address=${NODE_ADDRESS}`,
    `--advertise-address=${NODE_ADDRESS}`,
    `--secure-port=${SECOND_PORT}`,
    `--tls-cert-file=${certFile}`,
    `--tls-private-key-file=${keyFile}`,
    `--token-auth-file=${at('second-tokens.csv')}`,
    `--authentication-config=${at('authentication.json')}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.97.0.0/24',
    '--service-account-issuer=https://second.token-projector.test',
    `--service-account-key-file=${at('second-sa.pub')}`,
    `--service-account-signing-key-file=${at('second-sa.key')}`,
  ]
  const child = startChild(cluster.within(command), cluster.environment)
  const kubectl = (args: readonly string[], input?: string) =>
    cluster.kubectl(['--kubeconfig', at('second.kubeconfig'), ...args], input)
  const ready = until('the second API server', () => kubectl(['get', '--raw=/readyz']))
  const ended = child.exitCode.then((code) => {
    throw new Error(`the second API server ended (${code}): ${child.errors()}`)
  })
  await Promise.race([ready, ended])
  ended.catch(() => {})
  return { url, kubectl }
}

/** @param user how the client authenticates: a token, or a `tokenFile` that it reads again and again */
export const kubeconfig = (url: string, ca: string, user: object) => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [
    {
      name: 'second',
      cluster: { server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
    },
  ],
  users: [{ name: 'workload', user }],
  contexts: [{ name: 'second', context: { cluster: 'second', user: 'workload' } }],
  'current-context': 'second',
})

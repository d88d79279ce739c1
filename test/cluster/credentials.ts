/** Writes every key, certificate and kubeconfig of a cluster. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Authority, createAuthority, type KeyedCertificate } from './certificates.ts'
import { API_SERVICE_ADDRESS, API_URL, type Component, type Files, NODE_ADDRESS, NODE_NAME } from './layout.ts'

interface User {
  commonName: string
  organization?: string
}

const ADMINISTRATOR: User = { commonName: 'admin', organization: 'system:masters' }

/** Who each part is to the API server: the names that its built-in roles are bound to. */
const USERS: Record<Component, User> = {
  'controller-manager': { commonName: 'system:kube-controller-manager' },
  scheduler: { commonName: 'system:kube-scheduler' },
  node: { commonName: `system:node:${NODE_NAME}`, organization: 'system:nodes' },
  proxy: { commonName: 'system:kube-proxy' },
  // No built-in role lets DNS read Services.
  dns: { commonName: 'dns', organization: 'system:masters' },
}

export async function writeCredentials(files: Files): Promise<void> {
  await mkdir(files.pki('.'), { recursive: true, mode: 0o700 })
  const authority = await createAuthority()
  await Promise.all([
    writePair(files, 'ca', authority),
    writeServerPairs(files, authority),
    writeServiceAccountKeys(files),
    writeKubeconfig(files.kubeconfig, ADMINISTRATOR, authority),
    ...Object.entries(USERS).map(([component, user]) =>
      writeKubeconfig(files.kubeconfigOf(component as Component), user, authority),
    ),
  ])
}

async function writeServerPairs(files: Files, authority: Authority): Promise<void> {
  const service = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc']
  const apiServer = await authority.issue({
    commonName: 'kube-apiserver',
    dns: [...service, 'localhost'],
    ip: ['127.0.0.1', API_SERVICE_ADDRESS, NODE_ADDRESS],
    usage: 'server',
  })
  // The API server asks for this address when it fetches logs or runs a command.
  const kubelet = await authority.issue({ ...USERS.node, dns: [NODE_NAME], ip: [NODE_ADDRESS], usage: 'server' })
  const kubeletClient = await authority.issue({
    commonName: 'kube-apiserver-kubelet-client',
    organization: 'system:masters',
    usage: 'client',
  })
  await Promise.all([
    writePair(files, 'apiserver', apiServer),
    writePair(files, 'kubelet', kubelet),
    writePair(files, 'apiserver-kubelet-client', kubeletClient),
  ])
}

async function writeServiceAccountKeys(files: Files): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  await writeSecret(files.pki('service-account.key'), privateKey)
  await writeSecret(files.pki('service-account.pub'), publicKey)
}

async function writePair(files: Files, name: string, pair: KeyedCertificate): Promise<void> {
  await writeSecret(files.pki(`${name}.crt`), pair.certificate)
  await writeSecret(files.pki(`${name}.key`), pair.privateKey)
}

async function writeKubeconfig(path: string, user: User, authority: Authority): Promise<void> {
  const { certificate, privateKey } = await authority.issue({ ...user, usage: 'client' })
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'test', cluster: { server: API_URL, 'certificate-authority-data': base64(authority.certificate) } },
    ],
    users: [
      {
        name: user.commonName,
        user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(privateKey) },
      },
    ],
    contexts: [{ name: 'test', context: { cluster: 'test', user: user.commonName } }],
    'current-context': 'test',
  }
  await mkdir(dirname(path), { recursive: true })
  await writeSecret(path, JSON.stringify(config))
}

const writeSecret = (path: string, text: string) => writeFile(path, text, { mode: 0o600 })

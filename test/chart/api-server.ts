/** Starts an API server with nothing around it: what it stores, judges and refuses is real, and no pod ever runs. */
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'
import { inject } from 'vitest'
import { run } from '../cluster/command.ts'
import { until } from '../cluster/wait.ts'

export interface ApiServer {
  /** For what a test writes; gone when the server is stopped. */
  directory: string
  kubeconfig: string
  /** @throws ExecaError with what kubectl wrote to standard error */
  kubectl(args: readonly string[], input?: string): Promise<string>
  /** An object that is stored. */
  get(args: readonly string[]): Promise<Record<string, unknown>>
  stop(): Promise<void>
}

/** Ready when it comes back, after a second or two. */
export async function startApiServer(): Promise<ApiServer> {
  const directory = await mkdtemp(join(inject('scratch'), 'api-'))
  const [etcdPort, peerPort, apiPort] = await Promise.all([freePort(), freePort(), freePort()])
  const kubeconfig = join(directory, 'kubeconfig')
  await writeFiles(directory, kubeconfig, apiPort)
  const etcdUrl = `http://127.0.0.1:${etcdPort}`
  const parts: Part[] = [
    start(directory, 'etcd', [
      `--data-dir=${directory}/etcd`,
      '--unsafe-no-fsync',
      `--listen-client-urls=${etcdUrl}`,
      `--advertise-client-urls=${etcdUrl}`,
      `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    ]),
    start(directory, 'kube-apiserver', [
      `--etcd-servers=${etcdUrl}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${apiPort}`,
      `--cert-dir=${directory}/certificates`,
      `--token-auth-file=${directory}/tokens.csv`,
      '--authorization-mode=RBAC',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-key-file=${directory}/service-account.pub`,
      `--service-account-signing-key-file=${directory}/service-account.key`,
      // Without a controller nobody makes a namespace's default service account.
      '--disable-admission-plugins=ServiceAccount',
    ]),
  ]
  const kubectl = (args: readonly string[], input?: string) =>
    run([join(inject('programs'), 'kubectl'), '--kubeconfig', kubeconfig, ...args], {
      input,
      environment: { HOME: directory },
    })
  async function stop(): Promise<void> {
    for (const part of parts) part.kill('SIGKILL')
    await Promise.allSettled(parts)
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await Promise.race([until('the API server is ready', () => kubectl(['get', '--raw', '/readyz'])), ended(parts)])
    parts.push(start(directory, 'kube-controller-manager', controllerArguments(kubeconfig)))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    directory,
    kubeconfig,
    kubectl,
    get: async (args) => JSON.parse(await kubectl(['get', ...args, '-o', 'json'])),
    stop,
  }
}

type Part = ReturnType<typeof start>

/** Ends with this process, however that ends. */
function start(directory: string, program: string, args: readonly string[]) {
  const stdio = { stdin: 'ignore', stdout: 'ignore', stderr: { file: join(directory, `${program}.log`) } } as const
  return execa(join(inject('programs'), program), args, { ...stdio, cwd: directory, reject: false })
}

async function ended(parts: readonly Part[]): Promise<never> {
  const { command, exitCode } = await Promise.race(parts)
  throw new Error(`${command} ended with ${exitCode}`)
}

/** The one controller that is asked for: it checks the types of admission policies' expressions. */
const controllerArguments = (kubeconfig: string) => [
  `--kubeconfig=${kubeconfig}`,
  '--controllers=validatingadmissionpolicy-status-controller',
  '--leader-elect=false',
  '--secure-port=0',
]

async function writeFiles(directory: string, kubeconfig: string, port: number): Promise<void> {
  const token = randomUUID()
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'test',
        // Written by the API server when it starts.
        cluster: {
          server: `https://127.0.0.1:${port}`,
          'certificate-authority': join(directory, 'certificates/apiserver.crt'),
        },
      },
    ],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  }
  await writeFile(kubeconfig, JSON.stringify(config), { mode: 0o600 })
  await writeFile(join(directory, 'tokens.csv'), `${token},admin,admin,"system:masters"\n`, { mode: 0o600 })
  await writeFile(join(directory, 'service-account.key'), privateKey, { mode: 0o600 })
  await writeFile(join(directory, 'service-account.pub'), publicKey)
}

/** A port that was free a moment ago; none of the three programs can choose one and tell which. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

/** An API server's double with a certificate of ours, its client, and everything closed when a test ends. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createAuthority, issueLeaf } from '../../src/certificate/issue.ts'
import { connect, type KubernetesClient } from '../../src/kubernetes/client.ts'
import { createLog, type Log } from '../../src/log.ts'
import { type ApiServerDouble, startApiServer } from '../doubles/api-server.ts'

const authority = await createAuthority('api server', new Date())
const leaf = await issueLeaf(authority, { ip: ['127.0.0.1'] }, new Date())

export interface TestCluster {
  server: ApiServerDouble
  client: KubernetesClient
  /** Path of a kubeconfig. */
  kubeconfig: string
  /** Lines that were logged at warn or above. */
  lines: string[]
  log: Log
}

export async function startCluster(): Promise<TestCluster> {
  const options = { cert: leaf.certificate, key: leaf.privateKey, ca: authority.certificate, token: 'service-account' }
  const server = await startApiServer(options)
  onTestFinished(() => server.close())
  const folder = await mkdtemp(join(tmpdir(), 'token-projector-cluster-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const kubeconfig = join(folder, 'kubeconfig')
  await writeFile(kubeconfig, server.kubeconfig())
  const lines: string[] = []
  const log = createLog('warn', 'test', (line) => lines.push(line))
  return { server, client: await connect(kubeconfig), kubeconfig, lines, log }
}

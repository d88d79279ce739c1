/** Brings a cluster up and leaves it, gives it an image, or takes it down: `make cluster`, `cluster-image`, `cluster-down`. */
import { resolve } from 'node:path'
import { clusterDirectory, startCluster } from './cluster.ts'
import { STANDING } from './paths.ts'
import { kubernetesVersion } from './programs.ts'
import { findCluster, readRecord, removeCluster } from './session.ts'

const USAGE = 'usage: main.ts up | down | load ARCHIVE\n'
const write = (text: string) => void process.stdout.write(text)

async function up(): Promise<void> {
  const directory = clusterDirectory(STANDING)
  const running = await findCluster(directory)
  if (running === undefined) await start(directory)
  write(`
Kubernetes ${await kubernetesVersion()} is up${running === undefined ? '' : ' already'}. To reach it from this folder:

  export PATH="$PWD/test/cluster/bin:$PATH"
  kubectl get nodes
  helm list --all-namespaces
  enter curl …            # any program in the cluster's network

Logs: ${directory}/components. To remove it: make cluster-down
`)
}

async function start(directory: string): Promise<void> {
  // What is left of a start that was broken off.
  const record = await readRecord(directory)
  if (record !== undefined) await removeCluster(directory, record.namespaces)
  await startCluster({ name: STANDING, lifetime: 'closed', write })
}

async function down(): Promise<void> {
  const directory = clusterDirectory(STANDING)
  const record = await readRecord(directory)
  if (record === undefined) return write('no cluster is up\n')
  await removeCluster(directory, record.namespaces)
  write('the cluster is gone\n')
}

async function load(): Promise<void> {
  const archive = process.argv[3]
  if (archive === undefined) throw new Error(USAGE.trim())
  const cluster = await findCluster(clusterDirectory(STANDING))
  if (cluster === undefined) throw new Error('no cluster is up: run `make cluster`')
  await cluster.loadImage(resolve(archive))
  write(`the cluster has the image of ${archive}\n`)
}

const commands: Record<string, () => Promise<void>> = { up, down, load }
const command = commands[process.argv[2] ?? '']
if (command === undefined) {
  process.stderr.write(USAGE)
  process.exit(2)
}
await command().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? describe(error) : error}\n`)
  process.exit(1)
})

function describe(error: Error): string {
  return error.cause instanceof Error ? `${error.message}\n${describe(error.cause)}` : error.message
}

/** Starts a real Kubernetes of one node in namespaces of its own: no Docker, no systemd, nothing left afterwards. */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hosts } from './configuration.ts'
import { makeControlGroups } from './control-group.ts'
import { writeCredentials } from './credentials.ts'
import { PAUSE_IMAGE } from './image.ts'
import { type Files, filesOf } from './layout.ts'
import { closeNamespaces, isOpen, type Lifetime, openNamespaces } from './namespaces.ts'
import { setUpNode, writeNodeFiles } from './node.ts'
import { CNI_PLUGINS, installPackages, RUNC } from './packages.ts'
import { startParts } from './parts.ts'
import { cacheDirectory, clustersDirectory } from './paths.ts'
import { createProcesses } from './processes.ts'
import { buildPrograms, type Programs } from './programs.ts'
import {
  type Cluster,
  clusterOf,
  controlGroupOf,
  environmentOf,
  readRecord,
  removeCluster,
  writeRecord,
} from './session.ts'
import { createStep, type Step } from './steps.ts'

export type { Cluster } from './session.ts'

export interface ClusterOptions {
  /** The folder's name among the clusters; one of its own by default. */
  name?: string
  /** `process`, the default, ends the cluster with this process however that ends. */
  lifetime?: Lifetime
  /** Names outside the cluster that its pods and its API server can look up. */
  hosts?: Hosts
  /** Flags added to kube-apiserver's. */
  apiServer?: readonly string[]
  /** Takes lines of progress; standard error by default. */
  write?: (line: string) => void
}

/**
 * Comes back when the node is ready and pods can be created; the first start on a machine takes minutes.
 * @throws Error when a cluster of that name is running, a build fails, or a part ends
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const step = createStep(options.write ?? ((line) => process.stderr.write(line)))
  const programs = await prepare(step)
  await removeDead()
  const directory = clusterDirectory(options.name ?? randomUUID().slice(0, 8))
  if ((await readRecord(directory)) !== undefined) throw new Error(`a cluster is running in ${directory}`)
  const files = filesOf(directory)
  await step('wrote certificates and configuration', () => writeFiles(files, options))
  return launch(files, programs, options, step)
}

/** Installs and builds what a cluster needs, which takes long only once. */
export async function prepare(step: Step): Promise<Programs> {
  if (process.geteuid?.() !== 0) throw new Error('a cluster needs namespaces and mounts: run this as root')
  await installPackages(step)
  return buildPrograms(cacheDirectory(process.env), step)
}

export const clusterDirectory = (name: string) => join(clustersDirectory(cacheDirectory(process.env)), name)

async function writeFiles(files: Files, { hosts = {} }: ClusterOptions): Promise<void> {
  await mkdir(files.directory, { recursive: true, mode: 0o700 })
  const controlGroup = controlGroupOf(files.directory)
  await Promise.all([
    writeCredentials(files),
    writeNodeFiles({ files, controlGroup, hosts, pauseImage: PAUSE_IMAGE, cniPlugins: CNI_PLUGINS, runc: RUNC }),
  ])
}

async function launch(files: Files, programs: Programs, options: ClusterOptions, step: Step): Promise<Cluster> {
  const namespaces = await openNamespaces(options.lifetime ?? 'process', environmentOf(files, programs))
  try {
    const record = { namespaces: namespaces.record, programs }
    await writeRecord(files.directory, { ...record, ready: false })
    await makeControlGroups(controlGroupOf(files.directory))
    await step('set up the node', () => setUpNode(namespaces, files))
    const cluster = clusterOf(files.directory, namespaces)
    const processes = createProcesses(namespaces)
    const { apiServer = [] } = options
    await startParts({ cluster, files, processes, images: programs.images, apiServer, step })
    await writeRecord(files.directory, { ...record, ready: true })
    return cluster
  } catch (error) {
    // The logs stay: they tell why. The next start removes them.
    await closeNamespaces(namespaces.record)
    throw error
  }
}

/** Removes what clusters left that ended without being stopped. */
async function removeDead(): Promise<void> {
  const clusters = clustersDirectory(cacheDirectory(process.env))
  for (const name of await readdir(clusters).catch(() => [])) {
    const record = await readRecord(join(clusters, name))
    if (record !== undefined && !(await isOpen(record.namespaces))) {
      await removeCluster(join(clusters, name), record.namespaces)
    }
  }
}

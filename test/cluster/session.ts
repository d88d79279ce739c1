/** A running cluster as tests hold it: its kubectl, its Helm, its node, its end. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { RunOptions } from './command.ts'
import { CONTAINERD_SOCKET } from './configuration.ts'
import { removeControlGroups } from './control-group.ts'
import { type Files, filesOf } from './layout.ts'
import { closeNamespaces, isOpen, joinNamespaces, type Namespaces, type NamespacesRecord } from './namespaces.ts'
import { SYSTEM_PATH } from './packages.ts'
import type { Programs } from './programs.ts'

export interface Cluster {
  /** Holds all of the cluster's files; what its parts say is in `components`. */
  directory: string
  /** A cluster administrator's; it names an address inside the cluster's network. */
  kubeconfig: string
  /** Its processes, mounts and interfaces are in these. */
  namespaces: NamespacesRecord
  /** The name of the control group that all its containers are in. */
  controlGroup: string
  /** @throws ExecaError with what kubectl says on standard error */
  kubectl(args: readonly string[], input?: string): Promise<string>
  /** @throws ExecaError with what Helm says on standard error */
  helm(args: readonly string[], input?: string): Promise<string>
  /** Runs a program on the node: in the cluster's namespaces, with its programs in PATH. */
  enter(command: readonly string[], options?: RunOptions): Promise<string>
  /** The command line that runs a program on the node, for whoever starts it and reads what it says. */
  within(command: readonly string[]): string[]
  /** The variables of every program there. */
  environment: Record<string, string>
  /** Gives the node the images of an OCI archive. */
  loadImage(archive: string): Promise<void>
  /** Gives an image that the node has a further name. */
  tagImage(reference: string, name: string): Promise<void>
  /** Ends the cluster and removes all that it made. */
  stop(): Promise<void>
}

/** What another process needs to find the cluster. */
export interface ClusterRecord {
  namespaces: NamespacesRecord
  programs: Programs
  /** False while it starts, and for ever when its start was broken off. */
  ready: boolean
}

const recordFile = (directory: string) => join(directory, 'cluster.json')
/** The same for `bin/enter`, which is a shell script. */
const shellFile = (directory: string) => join(directory, 'cluster.env')
export const controlGroupOf = (directory: string) => `token-projector-${basename(directory)}`

export async function writeRecord(directory: string, record: ClusterRecord): Promise<void> {
  const variables = {
    ...environmentOf(filesOf(directory), record.programs),
    CLUSTER_PID: String(record.namespaces.pid),
  }
  const lines = Object.entries(variables).map(([name, value]) => `${name}='${value}'\n`)
  await writeFile(shellFile(directory), lines.join(''))
  await writeFile(recordFile(directory), JSON.stringify(record))
}

/** Nothing for a folder that no cluster was started in. */
export async function readRecord(directory: string): Promise<ClusterRecord | undefined> {
  const text = await readFile(recordFile(directory), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : JSON.parse(text)
}

/** The running cluster of that folder, or nothing; one that is not ready yet is nothing. */
export async function findCluster(directory: string): Promise<Cluster | undefined> {
  const record = await readRecord(directory)
  if (record === undefined || !record.ready || !(await isOpen(record.namespaces))) return undefined
  return clusterOf(directory, joinNamespaces(record.namespaces, environmentOf(filesOf(directory), record.programs)))
}

export function clusterOf(directory: string, inside: Namespaces): Cluster {
  const { kubeconfig } = filesOf(directory)
  const enter = (command: readonly string[], options?: RunOptions) => inside.run(command, options)
  return {
    directory,
    kubeconfig,
    namespaces: inside.record,
    controlGroup: controlGroupOf(directory),
    kubectl: (args, input) => enter(['kubectl', ...args], { input }),
    helm: (args, input) => enter(['helm', ...args], { input }),
    enter,
    within: inside.within,
    environment: inside.environment,
    loadImage: async (archive) => void (await enter([...CTR, 'images', 'import', archive])),
    tagImage: async (reference, name) => void (await enter([...CTR, 'images', 'tag', reference, name])),
    stop: () => removeCluster(directory, inside.record),
  }
}

const CTR = ['ctr', `--address=${CONTAINERD_SOCKET}`, '--namespace=k8s.io']

/** Ends what still runs and removes every trace; a cluster that has ended already is as welcome. */
export async function removeCluster(directory: string, record: NamespacesRecord): Promise<void> {
  await closeNamespaces(record)
  await removeControlGroups(controlGroupOf(directory))
  await rm(directory, { recursive: true, force: true })
}

/** The variables of every program in the cluster: nothing of the user's own settings reaches it. */
export function environmentOf(files: Files, programs: Programs): Record<string, string> {
  return {
    PATH: [programs.kubernetes, programs.containerd, programs.coredns, SYSTEM_PATH].join(':'),
    HOME: files.home,
    TMPDIR: files.temporary,
    KUBECONFIG: files.kubeconfig,
    // The one thing that kubectl would leave in the home of someone who calls it through bin/.
    KUBECACHEDIR: `${files.home}/kubectl`,
  }
}

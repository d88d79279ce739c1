/** Network, mount and process namespaces of a cluster's own: when their first process ends, all in them ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { type RunOptions, run } from './command.ts'
import { until } from './wait.ts'

/** Enough to find the namespaces again from another process. */
export interface NamespacesRecord {
  /** The first process inside, by its id outside. */
  pid: number
  /** The mount namespace's identity, because process ids come round again. */
  mount: string
}

export interface Namespaces {
  record: NamespacesRecord
  /** Variables of every process inside; nothing of the machine's own comes in. */
  environment: Record<string, string>
  /** The command line that runs `command` inside. */
  within(command: readonly string[]): string[]
  run(command: readonly string[], options?: RunOptions): Promise<string>
}

/**
 * How long the namespaces last: `process` as long as this process, however it ends; `closed` until they are closed.
 */
export type Lifetime = 'process' | 'closed'

/** SIGCHLD ignored makes the kernel bury the orphans that a first process inherits. */
const REAP = ['env', '--ignore-signal=CHLD']
const UNSHARE = ['--net', '--mount', '--propagation=private', '--pid', '--fork', '--kill-child', '--mount-proc']
/** With `process` it reads a pipe that the kernel closes when we end, even by SIGKILL. */
const FIRST = { process: ['cat'], closed: ['sleep', 'infinity'] } as const

export async function openNamespaces(lifetime: Lifetime, environment: Record<string, string>): Promise<Namespaces> {
  const child = spawn('unshare', [...UNSHARE, ...REAP, ...FIRST[lifetime]], {
    detached: true,
    stdio: [lifetime === 'process' ? 'pipe' : 'ignore', 'ignore', 'ignore'],
  })
  const maker = await started(child)
  child.unref()
  // A pipe's end is a socket to Node, and must not keep this process from ending.
  ;(child.stdin as Socket | null)?.unref()
  const find = () => firstProcess(maker, FIRST[lifetime][0])
  const record = await until('unshare to open namespaces', find, { timeoutMs: 10_000, everyMs: 20 }).catch((error) => {
    child.kill('SIGKILL')
    throw error
  })
  return joinNamespaces(record, environment)
}

/** @throws Error until `program` runs, which it does when all namespaces are made and /proc is mounted */
async function firstProcess(maker: number, program: string): Promise<NamespacesRecord> {
  const [own, mount] = await Promise.all([readlink('/proc/self/ns/mnt'), readlink(`/proc/${maker}/ns/mnt`)])
  if (mount === own) throw new Error('unshare has not left our namespaces yet')
  for (const pid of await membersOf({ mount })) {
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
    if (name === `${program}\n`) return { pid, mount }
  }
  throw new Error(`${program} does not run yet`)
}

export function joinNamespaces(record: NamespacesRecord, environment: Record<string, string>): Namespaces {
  const enter = ['nsenter', `--target=${record.pid}`, '--net', '--mount', '--pid', '--']
  const within = (command: readonly string[]) => [...enter, ...command]
  return {
    record,
    environment,
    within,
    run: (command, options) => run(within(command), { ...options, environment, bare: true }),
  }
}

/** Ends everything inside; comes back when no process is left in the namespaces, and with them no mount or interface. */
export async function closeNamespaces(record: NamespacesRecord): Promise<void> {
  if (await isOpen(record)) process.kill(record.pid, 'SIGKILL')
  await until('the end of the processes in the namespaces', async () => {
    const left = await membersOf(record)
    if (left.length > 0) throw new Error(`still running: ${left.join(', ')}`)
  })
}

export async function isOpen({ pid, mount }: NamespacesRecord): Promise<boolean> {
  return (await mountNamespaceOf(pid)) === mount
}

/** The ids of the processes in the namespaces, those that wait for one inside among them. */
export async function membersOf({ mount }: Pick<NamespacesRecord, 'mount'>): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const namespaces = await Promise.all(pids.map(mountNamespaceOf))
  return pids.filter((_, index) => namespaces[index] === mount)
}

/** Nothing for a process that has ended meanwhile. */
const mountNamespaceOf = (pid: number) => readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined)

function started(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('spawn', () => resolve(child.pid as number))
  })
}

/** The control groups of a cluster's containers: made here, and removed here because no kubelet is left to do it. */
import { mkdir, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { until } from './wait.ts'

const ROOT = '/sys/fs/cgroup'
/** Only version 2 has this file: the controllers of its one hierarchy. */
const CONTROLLERS = join(ROOT, 'cgroup.controllers')

/** Makes the group of this name: under every controller in version 1, once in version 2. */
export async function makeControlGroups(name: string): Promise<void> {
  await enableControllers()
  for (const root of await hierarchies()) await mkdir(join(root, name), { recursive: true })
}

/** Where a group of this name is. */
export async function controlGroups(name: string): Promise<string[]> {
  const candidates = (await hierarchies()).map((root) => join(root, name))
  const found = await Promise.all(candidates.map((path) => stat(path).catch(() => undefined)))
  return candidates.filter((_, index) => found[index] !== undefined)
}

/** Removes the groups of this name; their processes must have ended. */
export async function removeControlGroups(name: string): Promise<void> {
  for (const path of await controlGroups(name)) {
    // The kernel lets go of an ended process's group a moment after the process.
    await until(`removed ${path}`, () => removeTree(path), { timeoutMs: 10_000 })
  }
}

/** The kubelet refuses a version 2 group whose parent does not hand its controllers down. */
async function enableControllers(): Promise<void> {
  for (const controller of (await version2Controllers()) ?? []) {
    // What the machine keeps for itself is the kubelet's to miss: it names the controller.
    await writeFile(join(ROOT, 'cgroup.subtree_control'), `+${controller}`).catch(() => {})
  }
}

async function hierarchies(): Promise<string[]> {
  if ((await version2Controllers()) !== undefined) return [ROOT]
  // Links are second names of a hierarchy that holds two controllers.
  const entries = await readdir(ROOT, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(ROOT, entry.name))
}

const version2Controllers = () =>
  readFile(CONTROLLERS, 'utf8').then(
    (text) => text.trim().split(' '),
    () => undefined,
  )

async function removeTree(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true })
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(path, entry.name))
  await rmdir(path)
}

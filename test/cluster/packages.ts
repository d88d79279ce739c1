/** Sees that the machine has the system programs that a node or an image needs, and installs those that Debian packages. */
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { run } from './command.ts'
import type { Step } from './steps.ts'

/** Where Debian puts the programs that a node calls by path. */
export const RUNC = '/usr/sbin/runc'
export const CNI_PLUGINS = '/usr/lib/cni'

/** Debian packages, each by a file, or a program in the system's folders, that shows that it is there. */
export type Packages = Readonly<Record<string, string>>

const OF_A_NODE: Packages = {
  nft: 'nftables',
  ip: 'iproute2',
  sysctl: 'procps',
  nsenter: 'util-linux',
  tar: 'tar',
  curl: 'curl',
  [RUNC]: 'runc',
  [`${CNI_PLUGINS}/ptp`]: 'containernetworking-plugins',
}

/** Folders that a non-root login leaves out of PATH, and that hold half of what a node is made of. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** @throws Error that names the missing packages when they cannot be installed */
export async function installPackages(step: Step, needed: Packages = OF_A_NODE): Promise<void> {
  const missing = await missingOf(needed)
  if (missing.length === 0) return
  if (!(await exists('apt-get'))) throw new Error(`install ${missing.join(', ')}: this machine has no apt-get`)
  await step(`installed ${missing.join(', ')}`, () => install(missing))
  const still = await missingOf(needed)
  if (still.length > 0) throw new Error(`apt-get installed ${still.join(', ')}, but not where it is looked for`)
}

async function missingOf(needed: Packages): Promise<string[]> {
  const found = await Promise.all(Object.keys(needed).map(exists))
  return Object.values(needed).filter((_, index) => !found[index])
}

/** @param file a path, or a program's name to look for in the system's folders */
async function exists(file: string): Promise<boolean> {
  const candidates = file.startsWith('/') ? [file] : SYSTEM_PATH.split(delimiter).map((folder) => join(folder, file))
  const found = await Promise.all(
    candidates.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  )
  return found.includes(true)
}

async function install(packages: readonly string[]): Promise<void> {
  const options = { environment: { DEBIAN_FRONTEND: 'noninteractive' }, timeoutMs: 600_000 }
  const aptInstall = ['apt-get', 'install', '--yes', '--quiet', '--no-install-recommends', ...packages]
  await run(aptInstall, options).catch(async () => {
    // A fresh machine has no package lists, and an old one's point at versions that are gone.
    await run(['apt-get', 'update', '--quiet'], options)
    await run(aptInstall, options)
  })
}

/** A cache of a test's own, which spares the cluster that a developer has up; what is built is shared. */
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cacheDirectory, programsDirectory } from './paths.ts'

export interface OwnCache {
  /** Added to the environment of a command, it makes the command's standing cluster another one. */
  environment: { XDG_CACHE_HOME: string }
  /** Where that cluster's files are. */
  directory: string
  remove(): Promise<void>
}

export async function createOwnCache(): Promise<OwnCache> {
  const XDG_CACHE_HOME = await mkdtemp(join(tmpdir(), 'token-projector-standing-'))
  const environment = { XDG_CACHE_HOME }
  const directory = cacheDirectory(environment)
  await mkdir(directory, { recursive: true })
  await symlink(programsDirectory(cacheDirectory(process.env)), programsDirectory(directory))
  return { environment, directory, remove: () => rm(XDG_CACHE_HOME, { recursive: true }) }
}

/** Where built programs and running clusters are kept: in the user's cache, outside the working tree. */
import { homedir } from 'node:os'
import { join } from 'node:path'

/** The names of the folders that the node hides behind its own, so nothing that it needs may lie in them. */
export const NODE_OWN_FOLDERS = ['/run', '/var/lib', '/var/log'] as const

/** @throws Error when the cache lies in a folder that the node does not see */
export function cacheDirectory(environment: NodeJS.ProcessEnv): string {
  const base = environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), '.cache')
  const directory = join(base, 'token-projector', 'cluster')
  const hidden = NODE_OWN_FOLDERS.find((folder) => directory.startsWith(`${folder}/`))
  if (hidden !== undefined) {
    throw new Error(`${directory} is in ${hidden}, which the node replaces by its own: set XDG_CACHE_HOME elsewhere`)
  }
  return directory
}

export const programsDirectory = (cache: string) => join(cache, 'programs')
export const clustersDirectory = (cache: string) => join(cache, 'clusters')

/** The cluster that `make cluster` leaves up; `bin/enter` reads the same path. */
export const STANDING = 'standing'

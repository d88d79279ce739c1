/** Says who may read a key file and what a person does when the wrong ones may. */
import type { Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { geteuid } from 'node:process'
import { ProjectorError } from '../../errors.ts'

/** Group and others. */
const NOT_THE_OWNER = 0o077

/** A key that others can read is no secret, whether or not somebody did. */
export function modeProblem(path: string, stats: Stats): string | undefined {
  if (!stats.isFile()) return `${path} must be a regular file`
  if ((stats.mode & NOT_THE_OWNER) === 0) return undefined
  return `${path} has mode ${octal(stats)} and belongs to uid ${stats.uid}; others could use its keys, so run: chmod 600 ${path}`
}

/** What keeps this process from `path`, with owner, mode and remedy as far as they can be seen. */
export async function forbidden(path: string, doing: 'read' | 'create', error: unknown): Promise<ProjectorError> {
  if (error instanceof ProjectorError) return error
  const remedy =
    codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM'
      ? await ownership(path, doing)
      : otherwise(path, doing, error)
  return new ProjectorError('key-store-unusable', remedy, { cause: error })
}

async function ownership(path: string, doing: 'read' | 'create'): Promise<string> {
  const me = geteuid?.() ?? 'unknown'
  const file = doing === 'read' ? await stat(path).catch(() => undefined) : undefined
  if (file !== undefined) {
    return `${path} cannot be read: it belongs to uid ${file.uid} with mode ${octal(file)} and this process runs as uid ${me}; run: chown ${me} ${path} && chmod 600 ${path}`
  }
  const directory = dirname(path)
  const folder = await stat(directory).catch(() => undefined)
  const owner = folder === undefined ? 'cannot be seen' : `belongs to uid ${folder.uid} with mode ${octal(folder)}`
  return `${path} cannot be ${doing === 'read' ? 'read' : 'created'}: its directory ${owner} and this process runs as uid ${me}; run: chown ${me} ${directory} && chmod 700 ${directory}`
}

function otherwise(path: string, doing: 'read' | 'create', error: unknown): string {
  const code = codeOf(error) ?? 'an unknown error'
  const hint = {
    ENOENT: `create the directory ${dirname(path)}`,
    ENOTDIR: `${dirname(path)} must be a directory`,
    EROFS: 'put it on a volume that can be written',
    ENOSPC: 'free some space on its volume',
    ENOTSUP: 'put it on a file system with hard links',
  }[code]
  return `${path} cannot be ${doing === 'read' ? 'read' : 'created'} (${code})${hint === undefined ? '' : `; ${hint}`}`
}

/** An error's code, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

function octal({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}

/** Replaces a file so that no reader ever finds it torn, empty or missing, and reads what a former life left. */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { ProjectorError } from '../errors.ts'
import { TOKEN_BYTES } from './jwt.ts'

/** Ours and nobody else's: a dot, the file's name, twelve hexadecimal digits. */
const LEFTOVER = /^\.[A-Za-z0-9][A-Za-z0-9._-]*\.[0-9a-f]{12}\.new$/
/** A symbolic link in place of a file is somebody's trick; a pipe would hold us. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

export interface Folder {
  directory: string
  /** Such as 0o644; applied whatever the umask is. */
  mode: number
  /** Uniform in [0, 1); makes the names of temporary files. */
  random(): number
}

/** A file that was there when we looked. */
export interface FoundFile {
  text: string
  /** Unix milliseconds. */
  writtenAt: number
}

/**
 * Writes `text` as file `name`: a whole new file beside it, flushed, then rename(2), which replaces a regular file or a
 * link in one step and follows nothing. On any error the old file stays and nothing is left beside it.
 * Blocks: a file of kilobytes in memory takes microseconds, and nothing can come between its steps.
 * @throws ProjectorError `token-file-unwritable`, whose message names the file and the code
 */
export function replaceFile(folder: Folder, name: string, text: string): void {
  const path = join(folder.directory, name)
  const temporary = join(folder.directory, `.${name}.${suffix(folder.random())}.new`)
  try {
    writeWhole(temporary, text, folder.mode)
    renameOrRemove(temporary, path)
  } catch (error) {
    throw new ProjectorError('token-file-unwritable', `${path} cannot be replaced, the old one stays: ${say(error)}`, {
      cause: error,
    })
  }
}

/**
 * The file `name`, whole, or undefined when there is none that we would have written.
 * @throws nothing: what cannot be read is as good as absent
 */
export function findFile(directory: string, name: string): FoundFile | undefined {
  let file: number | undefined
  try {
    file = openSync(join(directory, name), READ)
    const status = fstatSync(file)
    if (!status.isFile() || status.size > TOKEN_BYTES) return undefined
    const bytes = Buffer.alloc(TOKEN_BYTES)
    const length = readSync(file, bytes, 0, bytes.length, 0)
    return { text: bytes.toString('utf8', 0, length), writtenAt: status.mtimeMs }
  } catch {
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/** Removes temporary files that a former life did not get to rename; foreign files are left alone. */
export function removeLeftovers(directory: string): void {
  for (const name of listOrNothing(directory)) {
    if (LEFTOVER.test(name)) removeQuietly(join(directory, name))
  }
}

function writeWhole(path: string, text: string, mode: number): void {
  const file = openSync(path, CREATE, 0o600)
  try {
    writeAll(file, Buffer.from(text, 'utf8'))
    // Explicitly, because open's mode is cut by the umask.
    fchmodSync(file, mode)
    fsyncSync(file)
  } catch (error) {
    removeQuietly(path)
    throw error
  } finally {
    closeSync(file)
  }
}

/** write(2) may take less than it was given, on a disk that fills up for one. */
function writeAll(file: number, bytes: Buffer): void {
  let offset = 0
  while (offset < bytes.length) {
    const written = writeSync(file, bytes, offset)
    if (written === 0) throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' })
    offset += written
  }
}

function renameOrRemove(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    removeQuietly(from)
    throw error
  }
}

/** What is gone already, or cannot go, does not hide the error that brought us here. */
function removeQuietly(path: string): void {
  try {
    if (lstatSync(path).isFile()) unlinkSync(path)
  } catch {
    return
  }
}

function listOrNothing(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function suffix(random: number): string {
  return Math.floor(random * 2 ** 48)
    .toString(16)
    .padStart(12, '0')
}

const SENTENCES: Record<string, string> = {
  ENOSPC: 'the volume is full',
  EDQUOT: 'the quota is used up',
  EROFS: 'the volume is mounted read-only',
  EACCES: 'no permission to write in its directory',
  EPERM: 'no permission to write in its directory',
  ENOENT: 'its directory does not exist',
  EISDIR: 'a directory is in its place',
}

function say(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code
  const shown = typeof code === 'string' ? code : 'no code'
  return `${SENTENCES[shown] ?? 'the system refuses'} (${shown})`
}

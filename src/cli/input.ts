/** Reads what a person hands to the command line: a file or standard input, as UTF-8. */
import { readFile } from 'node:fs/promises'
import { ProjectorError } from '../errors.ts'

export interface Input {
  text: string
  /** What messages call it. */
  source: string
}

/**
 * @param file a path, or `-` for what `stdin` gives
 * @throws ProjectorError `input-malformed` when it cannot be read or is not UTF-8
 */
export async function readInput(file: string, stdin: () => Promise<Uint8Array>): Promise<Input> {
  const source = file === '-' ? 'standard input' : file
  const bytes = await (file === '-' ? stdin() : readBytes(file))
  try {
    // A byte order mark stays: what comes in goes out.
    return { source, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) }
  } catch (error) {
    throw new ProjectorError('input-malformed', `${source} is not UTF-8; convert it first`, { cause: error })
  }
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ProjectorError('input-malformed', `${file} cannot be read: ${reason}`, { cause: error })
  }
}

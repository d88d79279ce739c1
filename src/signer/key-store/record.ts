/** The public record beside a key file: a JWK Set that outlives the private one and tells a loss from a first start. */
import { readFile, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ProjectorError } from '../../errors.ts'
import { type Keyring, publicKeys } from '../keyring.ts'
import { codeOf, forbidden } from './access.ts'
import { syncDirectory, writeDurably } from './durable.ts'

export interface KeyRecord {
  path: string
  kids: readonly string[]
}

export function recordPath(keyFile: string): string {
  return `${keyFile}.public`
}

/** @returns undefined when there is no record */
export async function readRecord(keyFile: string): Promise<KeyRecord | undefined> {
  const path = recordPath(keyFile)
  try {
    return { path, kids: kidsOf(await readFile(path, 'utf8')) }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw await forbidden(path, 'read', error)
    throw new ProjectorError(
      'key-store-unusable',
      `${path} is not a JWK Set; remove it if ${keyFile} is the right key file, and it is written again`,
    )
  }
}

function kidsOf(text: string): string[] {
  const { keys } = JSON.parse(text) as { keys: { kid: string }[] }
  return keys.map(({ kid }) => kid)
}

/** Replaces the record when it does not say what `keyring` says. */
export async function writeRecord(keyFile: string, keyring: Keyring, suffix: string): Promise<void> {
  const path = recordPath(keyFile)
  const text = `${JSON.stringify({ keys: publicKeys(keyring) }, null, 2)}\n`
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return
  const temporary = join(dirname(path), `.${basename(path)}.${suffix}.tmp`)
  try {
    await writeDurably(temporary, text, 0o644)
    await rename(temporary, path)
    await syncDirectory(dirname(path))
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw await forbidden(path, 'create', error)
  }
}

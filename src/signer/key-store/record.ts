/** The public record beside a key file: a JWK Set that outlives the private one and tells a loss from a first start. */
import { readFile, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ProjectorError } from '../../errors.ts'
import type { Keyring } from '../keyring.ts'
import { codeOf, forbidden } from './access.ts'
import { syncDirectory, writeDurably } from './durable.ts'
import { kidsOf, recordText } from './public-record.ts'

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
  const text = await readFile(path, 'utf8').catch(async (error) => {
    if (codeOf(error) !== 'ENOENT') throw await forbidden(path, 'read', error)
  })
  if (text === undefined) return undefined
  const kids = kidsOf(text)
  if (kids !== undefined) return { path, kids }
  throw new ProjectorError(
    'key-store-unusable',
    `${path} is not a JWK Set; remove it if ${keyFile} is the right key file, and it is written again`,
  )
}

/** Replaces the record when it does not say what `keyring` says. */
export async function writeRecord(keyFile: string, keyring: Keyring, suffix: string): Promise<void> {
  const path = recordPath(keyFile)
  const text = recordText(keyring)
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

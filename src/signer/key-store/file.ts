/** Keeps the signing keys in a file: made once on the first start, read ever after, never silently made again. */
import { constants, type FileHandle, link, open, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ProjectorError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { SigningAlgorithm } from '../config-file.ts'
import type { Keyring } from '../keyring.ts'
import { codeOf, forbidden, modeProblem } from './access.ts'
import { syncDirectory, writeDurably } from './durable.ts'
import { makeKeySet, readKeySet } from './key-set.ts'
import { isOfRecord } from './public-record.ts'
import { readRecord, writeRecord } from './record.ts'

export interface KeyFileDeps {
  /** Milliseconds. */
  now(): number
  randomUUID(): string
  log: Log
}

/** Ten RSA keys have 20 KiB. */
const MAXIMUM_BYTES = 1_048_576

/**
 * The keyring in `path`. Processes that start together agree on one set.
 * @throws ProjectorError `key-store-unusable`, whose message says what to do and never holds anything of the content
 */
export async function openKeyFile(path: string, alg: SigningAlgorithm, deps: KeyFileDeps): Promise<Keyring> {
  // The record first: it is written after the keys, so one that is there says that the keys were there.
  const record = await readRecord(path)
  const existing = await readPrivate(path)
  if (existing === undefined && record !== undefined) throw lost(path, record)
  const text = existing ?? (await create(path, alg, deps))
  const keyring = await parse(path, text, alg)
  if (record !== undefined && !isOfRecord(keyring, record.kids)) throw replaced(path, record)
  await writeRecord(path, keyring, deps.randomUUID()).catch((error) => {
    // Where no record can be written no keys can be made either, so nothing is lost by going on.
    if (existing === undefined) throw error
    deps.log.warn({ err: error, path }, 'the public record of the keys cannot be written')
  })
  return keyring
}

async function parse(path: string, text: string, alg: SigningAlgorithm): Promise<Keyring> {
  const keyring = await readKeySet(text, alg)
  if ('problems' in keyring) throw malformed(path, keyring.problems)
  return keyring
}

/** @returns the text, or undefined when there is no file */
async function readPrivate(path: string): Promise<string | undefined> {
  let file: FileHandle
  try {
    // Non-blocking, because opening a pipe would wait for somebody to write.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw await forbidden(path, 'read', error)
  }
  try {
    // Of the open file, so that what is checked is what is read.
    const stat = await file.stat()
    const problem = modeProblem(path, stat)
    if (problem !== undefined) throw unusable(problem)
    if (stat.size === 0) throw unusable(await emptyProblem(path))
    if (stat.size > MAXIMUM_BYTES) throw malformed(path, [`it is larger than ${MAXIMUM_BYTES} bytes`])
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

/** @returns the text that is now in `path`, of this process or of another that was faster */
async function create(path: string, alg: SigningAlgorithm, { now, randomUUID, log }: KeyFileDeps): Promise<string> {
  const made = await makeKeySet(alg, now())
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`)
  try {
    await writeDurably(temporary, made, 0o600)
    // A link fails where a rename would replace: whoever is second takes what is there.
    const isOurs = await link(temporary, path).then(() => true, existsAlready)
    await syncDirectory(dirname(path))
    log.info(
      { path, alg, created: isOurs },
      isOurs ? 'signing keys created' : 'another process created the signing keys',
    )
  } catch (error) {
    throw await forbidden(path, 'create', error)
  } finally {
    await unlink(temporary).catch(() => undefined)
  }
  const text = await readPrivate(path)
  if (text === undefined) throw unusable(`${path} vanished while it was created; start again`)
  return text
}

function existsAlready(error: unknown): false {
  if (codeOf(error) === 'EEXIST') return false
  throw error
}

async function emptyProblem(path: string): Promise<string> {
  const record = await readRecord(path)
  return record === undefined
    ? `${path} is empty; remove it so that keys are made at the next start, or restore it from a copy`
    : lostMessage(path, record.path, 'is empty')
}

function lost(path: string, record: { path: string }): ProjectorError {
  return unusable(lostMessage(path, record.path, 'is missing'))
}

function lostMessage(path: string, record: string, what: string): string {
  return `${path} ${what} although ${record} says that keys were made; restore it from a copy, or, if the keys are lost and every relying party may fetch new ones, remove ${record} and what is left of ${path}`
}

function replaced(path: string, record: { path: string }): ProjectorError {
  return unusable(
    `${path} holds none of the keys that ${record.path} lists; restore the right file, or, if the change is meant, remove ${record.path}`,
  )
}

function malformed(path: string, problems: readonly string[]): ProjectorError {
  return unusable(`${path} is not a key set of this issuer: ${problems.join('; ')}; restore it from a copy`)
}

function unusable(message: string): ProjectorError {
  return new ProjectorError('key-store-unusable', message)
}

/** Keeps the signing keys in a Secret that replicas share: made once by whoever is first, and never silently again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isConflict } from '../../kubernetes/client.ts'
import { type FollowDeps, follow } from '../../kubernetes/follow.ts'
import {
  configMaps,
  configMapText,
  describeTarget,
  type KubernetesObject,
  objectPath,
  secretData,
  secrets,
  withConfigMapText,
  withSecretData,
} from '../../kubernetes/object.ts'
import type { SigningAlgorithm } from '../config-file.ts'
import { createTokenSigner } from '../jws.ts'
import type { Keyring } from '../keyring.ts'
import { makeKeySet, readKeySet } from './key-set.ts'
import { type KeyPlan, planKeys } from './plan.ts'
import { isOfRecord, recordText } from './public-record.ts'
import type { KeySource, SigningKeys } from './source.ts'

export const KEYS = 'keys.json'
export const RECORD = 'jwks.json'

/** The ConfigMap beside the Secret. */
export function recordName(secret: string): string {
  return `${secret}-public`
}

export interface KeySecretOptions {
  namespace: string
  /** The Secret's name; the chart creates it and its record empty. */
  name: string
  alg: SigningAlgorithm
}

export interface KeySecretDeps extends FollowDeps {
  /** Unix milliseconds. */
  now(): number
}

/** After a failure that nobody else's write explains. */
const AGAIN_MS = 5_000

/**
 * Follows both objects. Keys are used only once they were read from the Secret, so that every replica uses the same.
 * Nothing throws: what is missing is told by `unready` and in the log, and keys in force stay so whatever happens later.
 */
export function followKeySecret({ namespace, name, alg }: KeySecretOptions, deps: KeySecretDeps): KeySource {
  const { client, log } = deps
  const targets = {
    secret: { collection: secrets(namespace), name },
    record: { collection: configMaps(namespace), name: recordName(name) },
  }
  const called = { secret: describeTarget(targets.secret), record: describeTarget(targets.record) }
  const ending = new AbortController()
  let secret: KubernetesObject | undefined
  let record: KubernetesObject | undefined
  let keys: SigningKeys | undefined
  let problem: string | undefined
  let working: Promise<void> = Promise.resolve()

  const secretFollowing = follow(targets.secret, ([read]) => (secret = look(read)), deps)
  const recordFollowing = follow(targets.record, ([read]) => (record = look(read)), deps)

  /** One look at a time, each at the newest readings. */
  function look<Reading>(read: Reading): Reading {
    working = working.then(lookOnce).catch((error) => {
      if (!ending.signal.aborted) tryAgain(error)
    })
    return read
  }

  function tryAgain(error: unknown): void {
    report(`${called.secret} or ${called.record} cannot be written`, error)
    const delayMs = AGAIN_MS * (0.5 + deps.random())
    sleep(delayMs, undefined, { signal: ending.signal, ref: false }).then(look, () => undefined)
  }

  async function lookOnce(): Promise<void> {
    if (ending.signal.aborted || secretFollowing.unready() !== undefined || recordFollowing.unready() !== undefined)
      return
    await carryOut(planNow(), secret, record)
  }

  function planNow(): KeyPlan {
    return planKeys({
      called,
      hasSecret: secret !== undefined,
      hasRecord: record !== undefined,
      keys: (secret && secretData(secret)[KEYS]) || undefined,
      record: (record && configMapText(record, RECORD)) || undefined,
    })
  }

  async function carryOut(plan: KeyPlan, readSecret?: KubernetesObject, readRecord?: KubernetesObject): Promise<void> {
    if (plan.step === 'wait') return report(plan.because)
    if (plan.step === 'make') return readSecret && make(readSecret)
    const keyring = await readKeySet(plan.keys, alg)
    if ('problems' in keyring) return report(malformed(called.secret, keyring.problems))
    if (plan.kids !== undefined && !isOfRecord(keyring, plan.kids)) return report(replaced(called))
    await take(keyring)
    await writeRecord(keyring, readRecord)
  }

  /** What was written comes back as an event of the watch, and so does what another replica wrote first. */
  async function make(empty: KubernetesObject): Promise<void> {
    if (keys !== undefined) return report(`${called.secret} was emptied; ${RESTORE}`)
    const data = { ...secretData(empty), [KEYS]: await makeKeySet(alg, deps.now()) }
    const isOurs = await succeeds(
      client.replace(objectPath(targets.secret.collection, name), withSecretData(empty, data)),
    )
    log.info({ alg, created: isOurs }, isOurs ? 'signing keys created' : 'another replica created the signing keys')
  }

  async function take(keyring: Keyring): Promise<void> {
    problem = undefined
    if (JSON.stringify(keyring) === JSON.stringify(keys?.keyring)) return
    keys = { keyring, signer: await createTokenSigner(keyring) }
    log.info(
      { generation: keyring.generation, kid: keys.signer.kid },
      `the signing keys of ${called.secret} are in force`,
    )
  }

  async function writeRecord(keyring: Keyring, read: KubernetesObject | undefined): Promise<void> {
    const text = recordText(keyring)
    if (read === undefined)
      return log.warn(`${called.record} does not exist, so that a loss of the keys would not be noticed`)
    if (configMapText(read, RECORD) === text) return
    const { collection } = targets.record
    await succeeds(client.replace(objectPath(collection, recordName(name)), withConfigMapText(read, RECORD, text)))
  }

  function report(sentence: string, error?: unknown): void {
    if (sentence !== problem || error !== undefined) log.error(error === undefined ? {} : { err: error }, sentence)
    problem = sentence
  }

  return {
    current: () => keys,
    unready: () =>
      keys === undefined
        ? (secretFollowing.unready() ??
          recordFollowing.unready() ??
          problem ??
          `the keys of ${called.secret} are being made`)
        : undefined,
    async close() {
      ending.abort()
      await Promise.all([secretFollowing.close(), recordFollowing.close(), working])
    },
  }
}

/** @returns false where somebody else wrote since the object was read */
async function succeeds(writing: Promise<unknown>): Promise<boolean> {
  try {
    await writing
    return true
  } catch (error) {
    if (isConflict(error)) return false
    throw error
  }
}

const RESTORE =
  'this process signs on with the keys that it has read, but one that starts cannot: restore it from a copy'

function malformed(secret: string, problems: readonly string[]): string {
  return `${KEYS} in ${secret} is not a key set of this issuer: ${problems.join('; ')}; restore it from a copy`
}

function replaced({ secret, record }: { secret: string; record: string }): string {
  return `${secret} holds none of the keys that ${record} lists; restore the right Secret, or, if the change is meant, empty ${record}`
}

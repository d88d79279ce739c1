/** Decides what is done with a key Secret and its public record before anybody looks into the keys. Pure. */
import { kidsOf } from './public-record.ts'

/** The two objects as they were read; texts that are empty count as absent. */
export interface Stored {
  /** Each as a person calls it. */
  called: { secret: string; record: string }
  hasSecret: boolean
  hasRecord: boolean
  keys: string | undefined
  record: string | undefined
}

export type KeyPlan =
  /** Nothing was ever made: keys are, and whoever writes first wins. */
  | { step: 'make' }
  /** `kids` are those that the record lists; undefined where it lists none yet. */
  | { step: 'read'; keys: string; kids: readonly string[] | undefined }
  /** Nothing that a process may do by itself. */
  | { step: 'wait'; because: string }

export function planKeys({ called, hasSecret, hasRecord, keys, record }: Stored): KeyPlan {
  const { secret } = called
  if (!hasSecret) return wait(`${secret} does not exist; install the chart again, which creates it empty`)
  const kids = record === undefined ? undefined : kidsOf(record)
  if (record !== undefined && kids === undefined) {
    return wait(
      `${called.record} holds no JWK Set; empty it if ${secret} holds the right keys, and it is written again`,
    )
  }
  if (keys !== undefined) return { step: 'read', keys, kids }
  if (!hasRecord) return wait(`${called.record} does not exist; install the chart again: without it no keys are made`)
  if (kids === undefined) return { step: 'make' }
  return wait(
    `${secret} holds no keys although ${called.record} says that keys were made; restore the Secret from a copy, or, if the keys are lost and every relying party may fetch new ones, empty ${called.record} too`,
  )
}

function wait(because: string): KeyPlan {
  return { step: 'wait', because }
}

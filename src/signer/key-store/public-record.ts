/** What a store says in public of its private keys, so that a loss can be told from a first start. Pure. */
import { type Keyring, publicKeys } from '../keyring.ts'

/** A JWK Set of the public halves. */
export function recordText(keyring: Keyring): string {
  return `${JSON.stringify({ keys: publicKeys(keyring) }, null, 2)}\n`
}

/** @returns the keys' names; undefined where `text` is not a JWK Set */
export function kidsOf(text: string): string[] | undefined {
  try {
    const { keys } = JSON.parse(text) as { keys: { kid: string }[] }
    return keys.map(({ kid }) => kid)
  } catch {
    return undefined
  }
}

/** Whether at least one key is one that the record lists: otherwise somebody put another set in its place. */
export function isOfRecord({ keys }: Keyring, kids: readonly string[]): boolean {
  return keys.some(({ kid }) => kids.includes(kid))
}

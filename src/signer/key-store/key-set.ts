/** Makes the private key set of an issuer, and reads one as far as it can be trusted. */
import type { SigningAlgorithm } from '../config-file.ts'
import { createPrivateJwk, keyProblem } from '../jws.ts'
import { type Keyring, type KeyState, parseKeyring } from '../keyring.ts'

const FIRST_KEYS: readonly KeyState[] = ['active', 'standby']

/** The first key set of an issuer, as text. @param now Unix milliseconds */
export async function makeKeySet(alg: SigningAlgorithm, now: number): Promise<string> {
  const createdAt = new Date(now).toISOString()
  const made = FIRST_KEYS.map(async (state) => ({ ...(await createPrivateJwk(alg)), state, createdAt }))
  return `${JSON.stringify({ generation: 1, keys: await Promise.all(made) }, null, 2)}\n`
}

/** @returns the keyring, each key proved by a signature; or every problem as a sentence that holds nothing of the text */
export async function readKeySet(text: string, alg: SigningAlgorithm): Promise<Keyring | { problems: string[] }> {
  const keyring = parseKeyring(text, alg)
  if ('problems' in keyring) return keyring
  const verdicts = await Promise.all(keyring.keys.map(keyProblem))
  const problems = verdicts.flatMap((problem, index) => (problem === undefined ? [] : [`keys[${index}] ${problem}`]))
  return problems.length > 0 ? { problems } : keyring
}

/** Where signing keys come from, whether a file held them at the start or a Secret is followed. */
import { createTokenSigner, type TokenSigner } from '../jws.ts'
import type { Keyring } from '../keyring.ts'

/** A keyring and what signs with its active key. */
export interface SigningKeys {
  keyring: Keyring
  signer: TokenSigner
}

export interface KeySource {
  /** The keys in force; undefined until there are some. */
  current(): SigningKeys | undefined
  /** Why there are none yet, as a sentence that says what to do, or undefined. */
  unready(): string | undefined
  close(): Promise<void>
}

/** Keys that do not change while the process runs. */
export async function fixedKeys(keyring: Keyring): Promise<KeySource> {
  const keys = { keyring, signer: await createTokenSigner(keyring) }
  return { current: () => keys, unready: () => undefined, close: async () => undefined }
}

/** Opens the certificate that a service was configured with: in a directory, or in a Secret of its own. */
import type { Log } from '../log.ts'
import { watchTls } from './directory.ts'
import { keepPublished, type Place } from './publish.ts'
import { ownTls, type SecretTlsDeps } from './secret.ts'
import type { TlsSource } from './source.ts'

export interface TlsSettings {
  TLS_DIRECTORY?: string | undefined
  TLS_SECRET?: string | undefined
  TLS_NAMES: readonly string[]
  NAMESPACE?: string | undefined
}

export interface TlsOwner {
  /** What the root is called. */
  commonName: string
  /** Where the root is published. */
  place: Place
  /** See `Situation` in plan.ts. */
  whenLost: 'remake' | 'ask'
}

/**
 * @param owner what is needed for a Secret of one's own
 * @throws ProjectorError `configuration-invalid` when a directory holds nothing usable; a Secret is waited for
 */
export async function openTls(
  settings: TlsSettings,
  log: Log,
  owner: (TlsOwner & { deps: SecretTlsDeps }) | undefined,
): Promise<TlsSource> {
  const { TLS_DIRECTORY: directory, TLS_SECRET: name, TLS_NAMES: names, NAMESPACE: namespace } = settings
  if (directory !== undefined) return watchTls(directory, log)
  if (name === undefined || namespace === undefined || owner === undefined)
    throw new TypeError('no certificate is configured')
  const { place, deps, ...rest } = owner
  return ownTls({ ...rest, namespace, name, names }, keepPublished(place, deps), deps)
}

/** The signer's CA bundle in a file: read, checked, and read again when it changes. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ProjectorError } from '../errors.ts'
import type { Log } from '../log.ts'
import { watchDirectory } from '../watch.ts'

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** A bundle that is kept up to date. */
export interface BundleSource {
  /** PEM: certificates and nothing else. */
  current(): string
  close(): Promise<void>
}

/**
 * Watches `path`, whose bundle goes into every sidecar's configuration.
 * @throws ProjectorError `configuration-invalid` when the first reading is unusable
 */
export async function watchSignerCa(path: string, log: Log): Promise<BundleSource> {
  let bundle = await readBundle(path)
  const end = await watchDirectory(dirname(path), () => void reload(), log)

  async function reload(): Promise<void> {
    try {
      const next = await readBundle(path)
      if (next === bundle) return
      bundle = next
      log.info({ path }, 'signer CA reloaded')
    } catch (error) {
      log.error({ err: error, path }, 'the new signer CA is unusable, the old one stays in force')
    }
  }

  return { current: () => bundle, close: end }
}

/** Only the certificates are taken: a key that somebody left in the file must not reach every pod. */
async function readBundle(path: string): Promise<string> {
  try {
    const certificates = (await readFile(path, 'utf8')).match(CERTIFICATE) ?? []
    if (certificates.length === 0) throw new Error('it holds none')
    for (const certificate of certificates) new X509Certificate(certificate)
    return `${certificates.join('\n')}\n`
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ProjectorError(
      'configuration-invalid',
      `TOKEN_PROJECTOR_SIGNER_CA_FILE ${path} must hold PEM certificates: ${reason}`,
      { cause: error },
    )
  }
}

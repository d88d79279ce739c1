/** A certificate and key in a directory, as Kubernetes mounts a TLS Secret: read, checked, and read again when they change. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { ProjectorError } from '../errors.ts'
import type { Log } from '../log.ts'
import { watchDirectory } from '../watch.ts'
import type { TlsPair, TlsSource } from './source.ts'

export const CERTIFICATE_FILE = 'tls.crt'
export const KEY_FILE = 'tls.key'
export const AUTHORITY_FILE = 'ca.crt'

/**
 * Watches `directory` for `tls.crt` and `tls.key`.
 * @throws ProjectorError `configuration-invalid` when the first reading is unusable
 */
export async function watchTls(directory: string, log: Log): Promise<TlsSource> {
  let pair = await readTls(directory)
  const listeners: ((pair: TlsPair) => void)[] = []
  const end = await watchDirectory(directory, () => void reload(), log)

  async function reload(): Promise<void> {
    try {
      const next = await readTls(directory)
      if (next.cert === pair.cert && next.key === pair.key) return
      pair = next
      for (const apply of listeners) apply(pair)
      log.info({ directory, notAfter: new X509Certificate(pair.cert).validTo }, 'certificate reloaded')
    } catch (error) {
      log.error({ err: error, directory }, 'the new certificate is unusable, the old one stays in force')
    }
  }

  return {
    current: () => pair,
    unready: () => undefined,
    onChange: (apply) => void listeners.push(apply),
    close: end,
  }
}

/** Reads and checks a pair; a key that does not belong to its certificate is found here and not in a handshake. */
export async function readTls(directory: string): Promise<TlsPair> {
  try {
    const [cert, key] = await Promise.all([
      readFile(join(directory, CERTIFICATE_FILE), 'utf8'),
      readFile(join(directory, KEY_FILE), 'utf8'),
    ])
    createSecureContext({ cert, key })
    return { cert, key }
  } catch (error) {
    throw new ProjectorError(
      'configuration-invalid',
      `TOKEN_PROJECTOR_TLS_DIRECTORY ${directory} must hold a matching ${CERTIFICATE_FILE} and ${KEY_FILE}: ${reasonOf(error)}`,
      { cause: error },
    )
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

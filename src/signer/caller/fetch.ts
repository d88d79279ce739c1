/** Brings the text of a cluster's JWK Set, from a file or over HTTPS. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { type RequestOptions, request } from 'node:https'
import { type ClusterSettings, isUrl } from '../config-file.ts'

/** As patient as relying parties are with issuers (AWS: 5 s). */
const TIMEOUT_MS = 5_000
/** A hundred RSA keys have 50 KiB. */
const MAXIMUM_BYTES = 262_144

/** What names a set of keys that is read from a file or over HTTPS. */
export interface KeySetSource extends Pick<ClusterSettings, 'caFile'> {
  jwks: string
}

/** @throws Error that says what went wrong: the file system's, the network's, or an unusable answer */
export async function fetchJwks(source: KeySetSource): Promise<string> {
  return isUrl(source.jwks) ? get(source.jwks, await readRoots(source)) : readFile(source.jwks, 'utf8')
}

/**
 * The roots for `source`, read for every fetch so that renewed ones need no restart.
 * @throws Error when the file cannot be read or holds no certificate, which TLS itself would not tell
 */
export async function readRoots({ caFile }: Pick<KeySetSource, 'caFile'>): Promise<{ ca?: string }> {
  if (caFile === undefined) return {}
  const ca = await readFile(caFile, 'utf8')
  try {
    new X509Certificate(ca)
    return { ca }
  } catch (error) {
    throw new Error(`${caFile} must hold PEM certificates`, { cause: error })
  }
}

function get(url: string, tls: RequestOptions): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  // No agent: this happens every few minutes, and a kept connection would only grow old.
  const options = { ...tls, agent: false as const, rejectUnauthorized: true, signal: AbortSignal.timeout(TIMEOUT_MS) }
  const outgoing = request(url, options, (answer) => {
    // A redirect is a status like any other: whoever can redirect could choose the keys.
    if (answer.statusCode !== 200) {
      answer.destroy()
      reject(new Error(`${url} answered ${answer.statusCode}`))
      return
    }
    const chunks: Buffer[] = []
    let bytes = 0
    answer.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      chunks.push(chunk)
      if (bytes > MAXIMUM_BYTES) answer.destroy(new Error(`${url} answered more than ${MAXIMUM_BYTES} bytes`))
    })
    answer.on('error', reject)
    answer.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
  })
  outgoing.on('error', reject)
  outgoing.end()
  return promise
}

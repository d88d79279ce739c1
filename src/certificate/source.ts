/** Where a service's certificate comes from, whether a directory holds it or the service keeps it in a Secret. */
import { X509Certificate } from 'node:crypto'

/** What `https.createServer` and `setSecureContext` take; PEM, `cert` with what leads from the leaf to a root. */
export interface TlsPair {
  cert: string
  key: string
}

/** A pair that is kept up to date. */
export interface TlsSource {
  /** The pair now in force; undefined until there is a first one. */
  current(): TlsPair | undefined
  /** Why there is no pair yet, or nobody can verify it yet, as a sentence that says what to do; or undefined. */
  unready(): string | undefined
  /** Calls back after every change that was good; a bad one is logged and the old pair stays. */
  onChange(apply: (pair: TlsPair) => void): void
  close(): Promise<void>
}

/** Unix seconds at which the certificate in force ends; NaN while there is none, which no alert compares with. */
export function expiresAt(source: TlsSource): number {
  const pair = source.current()
  return pair === undefined ? Number.NaN : new X509Certificate(pair.cert).validToDate.getTime() / 1000
}

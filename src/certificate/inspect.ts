/** Reads what a Secret holds of CA and leaf, and leaves out what is unusable. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { Holding, Validity } from './plan.ts'
import type { TlsPair } from './source.ts'

/** The keys of the Secret. */
export const ROOT = 'ca.crt'
export const ROOT_KEY = 'ca.key'
export const LEAF = 'tls.crt'
export const LEAF_KEY = 'tls.key'
/** The root before this one, published beside it while a leaf of it may be alive. */
export const PREVIOUS_ROOT = 'ca-previous.crt'
/** This root, signed by the one before: leads clients that know only the older one to leaves of this one. */
export const CROSS = 'ca-cross.crt'

export type SecretContent = Readonly<Record<string, string>>

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** The certificates in a text and nothing else of it, each PEM with a newline at its end; [] when one is unusable. */
export function certificatesIn(text: string | undefined): string[] {
  const found = text?.match(CERTIFICATE) ?? []
  return found.every((one) => readCertificate(one) !== undefined) ? found.map((one) => `${one}\n`) : []
}

export function inspect(content: SecretContent): Holding {
  const root = readPair(content[ROOT], content[ROOT_KEY])
  const leaf = readPair(content[LEAF], content[LEAF_KEY])
  const previous = readCertificate(content[PREVIOUS_ROOT])
  return {
    isEmpty: [ROOT, ROOT_KEY, LEAF, LEAF_KEY].every((key) => !content[key]),
    ...(root === undefined ? {} : { root: validity(root) }),
    ...(root === undefined || leaf === undefined || !isIssuedBy(leaf, root)
      ? {}
      : { leaf: { ...validity(leaf), names: namesOf(leaf) } }),
    ...(previous === undefined ? {} : { previous: validity(previous) }),
  }
}

/** What TLS serves, if it is usable. */
export function pairIn(content: SecretContent): TlsPair | undefined {
  const { [LEAF]: cert, [LEAF_KEY]: key } = content
  return cert !== undefined && key !== undefined && readPair(cert, key) !== undefined ? { cert, key } : undefined
}

/** Every root by which a client verifies a leaf that may be alive. */
export function bundleIn(content: SecretContent): string {
  return [content[ROOT], content[PREVIOUS_ROOT]].flatMap(certificatesIn).join('')
}

export function isAlive(certificate: string | undefined, now: Date): boolean {
  const read = readCertificate(certificate)
  return read !== undefined && read.validToDate > now
}

function readCertificate(text: string | undefined): X509Certificate | undefined {
  if (!text) return undefined
  try {
    return new X509Certificate(text)
  } catch {
    return undefined
  }
}

function readPair(certificate: string | undefined, key: string | undefined): X509Certificate | undefined {
  const read = readCertificate(certificate)
  if (read === undefined || !key) return undefined
  try {
    return read.checkPrivateKey(createPrivateKey(key)) ? read : undefined
  } catch {
    return undefined
  }
}

function isIssuedBy(leaf: X509Certificate, root: X509Certificate): boolean {
  return leaf.checkIssued(root) && leaf.verify(root.publicKey)
}

function validity({ validFromDate, validToDate }: X509Certificate): Validity {
  return { notBefore: validFromDate.getTime(), notAfter: validToDate.getTime() }
}

function namesOf({ subjectAltName = '' }: X509Certificate): string[] {
  return [...subjectAltName.matchAll(/DNS:([^,\s]+)/g)].map(([, name = '']) => name)
}

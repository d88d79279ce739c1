/** Makes a certificate authority and its leaves: the one door to X.509. */
// @peculiar/x509 registers its parsers through it and says so only when it is missing.
import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(webcrypto as Crypto)

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 86_400_000
/** A clock that is a little behind ours must accept what we have just made. */
const BACKDATE_MS = 300_000

const ROOT_USAGES = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign

export const ROOT_DAYS = 3650
export const LEAF_DAYS = 30

/** A certificate and its private key, both PEM; the key is PKCS #8. */
export interface KeyedCertificate {
  certificate: string
  privateKey: string
}

/** A root signs leaves and, one step in between, the root that comes after it. */
const ROOT_PATH_LENGTH = 1

/** A self-signed root. */
export async function createAuthority(commonName: string, now: Date, days = ROOT_DAYS): Promise<KeyedCertificate> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${commonName}`,
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(now.getTime() + days * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, ROOT_PATH_LENGTH, true),
      new x509.KeyUsagesExtension(ROOT_USAGES, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: pem(certificate), privateKey: await exportKey(keys.privateKey) }
}

/**
 * The root `next` as `previous` vouches for it: served behind a leaf of `next`, it leads clients that know only
 * `previous` to the leaf. It ends when `previous` does.
 * @param next PEM
 * @returns PEM
 */
export async function crossSign(next: string, previous: KeyedCertificate): Promise<string> {
  const [root, signer] = [new x509.X509Certificate(next), new x509.X509Certificate(previous.certificate)]
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: root.subject,
    issuer: signer.subject,
    notBefore: root.notBefore,
    notAfter: signer.notAfter,
    signingAlgorithm: ALGORITHM,
    publicKey: root.publicKey,
    signingKey: await importKey(previous.privateKey),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(ROOT_USAGES, true),
      await x509.SubjectKeyIdentifierExtension.create(root.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(signer.publicKey),
    ],
  })
  return pem(certificate)
}

/**
 * A server certificate signed by `authority`.
 * @param names DNS names and IP addresses that it is good for
 */
export async function issueLeaf(
  authority: KeyedCertificate,
  names: { dns?: readonly string[]; ip?: readonly string[] },
  now: Date,
  days = LEAF_DAYS,
): Promise<KeyedCertificate> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const root = new x509.X509Certificate(authority.certificate)
  const subjects: x509.JsonGeneralNames = [
    ...(names.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(names.ip ?? []).map((value) => ({ type: 'ip' as const, value })),
  ]
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    // No common name: verifiers read the alternative names, and a name over 64 bytes would not fit.
    subject: '',
    issuer: root.subject,
    notBefore: new Date(now.getTime() - BACKDATE_MS),
    notAfter: new Date(Math.min(now.getTime() + days * DAY_MS, root.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.privateKey),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      // Critical because the subject is empty, RFC 5280 section 4.2.1.6.
      new x509.SubjectAlternativeNameExtension(subjects, true),
      await x509.AuthorityKeyIdentifierExtension.create(root.publicKey),
    ],
  })
  return { certificate: pem(certificate), privateKey: await exportKey(keys.privateKey) }
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`
}

/** 127 random bits: positive, and unguessable as CAs owe it. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0] ?? 0) & 0x7f
  return bytes.toString('hex')
}

async function exportKey(key: CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`
}

async function importKey(pemText: string): Promise<CryptoKey> {
  const [der] = x509.PemConverter.decode(pemText)
  if (der === undefined) throw new TypeError("the authority's private key is not PEM")
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign'])
}

/** The cluster's own certificate authority, and the certificates that its parts show each other. */
// @peculiar/x509 registers its parsers through it and says so only when it is missing.
import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(webcrypto as Crypto)

/** PEM. */
export interface KeyedCertificate {
  certificate: string
  privateKey: string
}

export interface Authority extends KeyedCertificate {
  issue(leaf: Leaf): Promise<KeyedCertificate>
}

export interface Leaf {
  /** To Kubernetes the user's name. */
  commonName: string
  /** To Kubernetes the user's group. */
  organization?: string
  dns?: readonly string[]
  ip?: readonly string[]
  usage: 'client' | 'server'
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 86_400_000
const USAGES = { client: x509.ExtendedKeyUsage.clientAuth, server: x509.ExtendedKeyUsage.serverAuth }

export async function createAuthority(): Promise<Authority> {
  const keys = await generateKeys()
  const name = 'CN=test cluster'
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(),
    name,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return {
    ...(await toPem(root, keys)),
    issue: (leaf) => issue(leaf, { issuer: name, signingKey: keys.privateKey }),
  }
}

async function issue(leaf: Leaf, signer: { issuer: string; signingKey: CryptoKey }): Promise<KeyedCertificate> {
  const keys = await generateKeys()
  const names: x509.JsonGeneralNames = [
    ...(leaf.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(leaf.ip ?? []).map((value) => ({ type: 'ip' as const, value })),
  ]
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(),
    ...signer,
    subject: [{ CN: [leaf.commonName] }, ...(leaf.organization === undefined ? [] : [{ O: [leaf.organization] }])],
    publicKey: keys.publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([USAGES[leaf.usage]]),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  })
  return toPem(certificate, keys)
}

const generateKeys = () => webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])

function validity() {
  const nowMs = Date.now()
  const serial = randomBytes(16)
  serial[0] = (serial[0] ?? 0) & 0x7f
  return {
    serialNumber: serial.toString('hex'),
    notBefore: new Date(nowMs - DAY_MS),
    notAfter: new Date(nowMs + 365 * DAY_MS),
    signingAlgorithm: ALGORITHM,
  }
}

async function toPem(certificate: x509.X509Certificate, keys: { privateKey: CryptoKey }): Promise<KeyedCertificate> {
  const privateKey = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { certificate: certificate.toString('pem'), privateKey: x509.PemConverter.encode(privateKey, 'PRIVATE KEY') }
}

/** Starts the real signer inside this process, with a certificate, keys and a cluster of its own. */
import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JWK } from 'jose'
import { AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE } from '../../certificate/directory.ts'
import { createAuthority, issueLeaf } from '../../certificate/issue.ts'
import { ProjectorError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { startSigner } from '../../signer/app.ts'
import { parseSignerConfig } from '../../signer/config.ts'
import { LOCAL_ADDRESS, LOCAL_CLUSTER, LOCAL_CLUSTER_ISSUER } from '../defaults.ts'
import type { PrivateFolder } from './folder.ts'
import type { LocalSigner } from './rewire.ts'

const ANY_PORT = `${LOCAL_ADDRESS}:0`

export interface SignerOptions {
  issuer: string
  organization: string
  identityAudience: string
  policyFile: string
  /** Kept over runs; undefined means a key for this run alone. */
  keyFile: string | undefined
  /** `HOST:PORT` of discovery and JWKS. */
  publicListen: string
  /** Holds `tls.crt`, `tls.key` and `ca.crt`; undefined means a certificate for this run alone. */
  tlsDirectory: string | undefined
}

export interface EmbeddedSignerDeps {
  now(): number
  random(): number
  randomUUID(): string
  log: Log
  writeAudit(line: string): void
}

export interface EmbeddedSigner extends LocalSigner {
  publicPort: number
  /** PEM file that verifies both listeners. */
  caFile: string
  stop(): Promise<void>
}

/**
 * @param jwks what the local cluster publishes
 * @throws ProjectorError `configuration-invalid` or `key-store-unusable`, as the signer's own process would
 */
export async function startEmbeddedSigner(
  options: SignerOptions,
  jwks: { keys: JWK[] },
  folder: PrivateFolder,
  deps: EmbeddedSignerDeps,
): Promise<EmbeddedSigner> {
  const tlsDirectory = options.tlsDirectory ?? (await makeCertificate(folder, options.issuer, deps.now()))
  const caFile = join(tlsDirectory, AUTHORITY_FILE)
  const host = hostOf(tlsDirectory)
  const caBundle = readText(caFile, '--tls-directory')
  const config = parseSignerConfig({
    TOKEN_PROJECTOR_SIGNER_CONFIG: writeSettings(folder, options, jwks),
    TOKEN_PROJECTOR_POLICY_FILE: options.policyFile,
    TOKEN_PROJECTOR_KEY_FILE: options.keyFile ?? join(folder.make('keys'), 'keys.json'),
    TOKEN_PROJECTOR_TLS_DIRECTORY: tlsDirectory,
    TOKEN_PROJECTOR_EXCHANGE_LISTEN: ANY_PORT,
    TOKEN_PROJECTOR_PUBLIC_LISTEN: options.publicListen,
    TOKEN_PROJECTOR_OPS_LISTEN: ANY_PORT,
    TOKEN_PROJECTOR_DRAIN_SECONDS: '0',
  })
  const signer = await startSigner(config, deps)
  const url = `https://${host}:${signer.ports.exchange}`
  return { url, caBundle, caFile, publicPort: signer.ports.public, stop: signer.stop }
}

/** JSON is YAML, so what the signer reads needs no writer of its own. */
function writeSettings(folder: PrivateFolder, options: SignerOptions, jwks: { keys: JWK[] }): string {
  const directory = folder.make('signer')
  writeFileSync(join(directory, 'cluster-jwks.json'), JSON.stringify(jwks), { mode: 0o600 })
  const { issuer, organization, identityAudience } = options
  const cluster = { name: LOCAL_CLUSTER, organization, mode: 'jwks', issuer: LOCAL_CLUSTER_ISSUER }
  const settings = {
    issuers: [{ url: issuer, organization }],
    clusters: [{ ...cluster, jwks: 'cluster-jwks.json' }],
    identityAudience,
  }
  const file = join(directory, 'signer.yaml')
  writeFileSync(file, JSON.stringify(settings, null, 2), { mode: 0o600 })
  return file
}

async function makeCertificate(folder: PrivateFolder, issuer: string, now: number): Promise<string> {
  const directory = folder.make('tls')
  const authority = await createAuthority('token-projector local', new Date(now))
  const names = { dns: [...new Set(['localhost', hostNameOf(issuer)])], ip: [LOCAL_ADDRESS, '::1'] }
  const leaf = await issueLeaf(authority, names, new Date(now))
  const files = {
    [CERTIFICATE_FILE]: leaf.certificate,
    [KEY_FILE]: leaf.privateKey,
    [AUTHORITY_FILE]: authority.certificate,
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text, { mode: 0o600 })
  return directory
}

/** What the signer itself refuses later, with a better sentence, only names the certificate here. */
function hostNameOf(issuer: string): string {
  return URL.canParse(issuer) ? new URL(issuer).hostname : 'localhost'
}

/** The name by which the sidecar reaches this machine and that the certificate is good for. */
function hostOf(tlsDirectory: string): string {
  const certificate = readCertificate(join(tlsDirectory, CERTIFICATE_FILE))
  if (certificate.checkIP(LOCAL_ADDRESS) !== undefined) return LOCAL_ADDRESS
  if (certificate.checkHost('localhost') !== undefined) return 'localhost'
  throw new ProjectorError(
    'configuration-invalid',
    `--tls-directory ${tlsDirectory}: ${CERTIFICATE_FILE} must be good for ${LOCAL_ADDRESS} or localhost too, where the sidecar reaches the signer`,
  )
}

function readCertificate(file: string): X509Certificate {
  const text = readText(file, '--tls-directory')
  try {
    return new X509Certificate(text)
  } catch (error) {
    throw new ProjectorError('configuration-invalid', `--tls-directory: ${file} is no PEM certificate`, {
      cause: error,
    })
  }
}

function readText(file: string, option: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ProjectorError('configuration-invalid', `${option}: ${reason}`, { cause: error })
  }
}

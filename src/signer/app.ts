/** Joins the parts of a signer into a running service: keys, callers, policies, the exchange and what is published. */
import { X509Certificate } from 'node:crypto'
import { type TlsSource, watchTls } from '../certificate/directory.ts'
import type { Log } from '../log.ts'
import { type PolicySource, watchPolicyFile } from '../policy/file.ts'
import { type ListenerOptions, startService } from '../service.ts'
import { createJwksCaller } from './caller/jwks.ts'
import type { SignerConfig } from './config.ts'
import { reservedAudiences } from './config-file.ts'
import { publicDocuments } from './discovery.ts'
import { createTokenSigner } from './jws.ts'
import { openKeyFile } from './key-store/file.ts'
import type { Keyring } from './keyring.ts'
import { createMetrics, type SignerMetrics } from './metrics.ts'
import { publicRoutes } from './publish.ts'
import { BODY_BYTES, tokenRoutes } from './token-endpoint.ts'

export interface SignerDeps {
  /** Milliseconds. */
  now(): number
  /** UUIDv4. */
  randomUUID(): string
  log: Log
  /** Receives one JSON object with its newline for every decision. When it throws, no token is given. */
  writeAudit(line: string): void
}

export interface Signer {
  ports: Record<'exchange' | 'public' | 'ops', number>
  /** Unready at once, answering until the drain is over, then closed. */
  stop(): Promise<void>
}

/** Nobody has a reason to send the public listener a body. */
const PUBLIC_BODY_BYTES = 1024

/**
 * Starts a signer, or nothing.
 * @throws ProjectorError `configuration-invalid` or `key-store-unusable`
 */
export async function startSigner(config: SignerConfig, deps: SignerDeps): Promise<Signer> {
  const keyring = await openKeyFile(config.keyFile, config.issuer.alg, deps)
  const tls = await watchTls(config.tlsDirectory, deps.log)
  const policies = await watchPolicyFile(config.policyFile, deps.log).catch((error) => closeAndThrow([tls], error))
  try {
    const metrics = createMetrics(observed(config, keyring, tls, policies))
    const exchange = await exchangeListener({ config, deps, keyring, policies, tls, metrics })
    const service = await startService({
      listeners: [exchange, publicListener(config, keyring, tls)],
      opsListen: config.opsListen,
      log: deps.log,
      drainSeconds: config.drainSeconds,
      metrics: metrics.render,
      // Without policy the exchange says so itself, and an unready pod would take discovery and JWKS away from everybody.
      unready: () => undefined,
    })
    return {
      ports: service.ports as Signer['ports'],
      async stop() {
        await service.stop()
        await Promise.all([tls.close(), policies.close()])
      },
    }
  } catch (error) {
    return closeAndThrow([tls, policies], error)
  }
}

async function closeAndThrow(sources: readonly { close(): Promise<void> }[], error: unknown): Promise<never> {
  await Promise.all(sources.map((source) => source.close()))
  throw error
}

interface Parts {
  config: SignerConfig
  deps: SignerDeps
  keyring: Keyring
  policies: PolicySource
  tls: TlsSource
  metrics: SignerMetrics
}

async function exchangeListener({ config, deps, keyring, policies, tls, metrics }: Parts): Promise<ListenerOptions> {
  const authenticate = await createJwksCaller(config, { ...deps, onFetchFailure: metrics.jwksFetchFailure })
  const endpoint = {
    ...deps,
    issuer: config.issuer,
    reserved: reservedAudiences(config),
    authenticate,
    policies: policies.current,
    signer: await createTokenSigner(keyring),
    generation: keyring.generation,
    metrics,
  }
  return {
    name: 'exchange',
    listen: config.exchangeListen,
    bodyLimit: BODY_BYTES,
    tls,
    routes: (app) => tokenRoutes(app, endpoint),
  }
}

function publicListener(config: SignerConfig, keyring: Keyring, tls: TlsSource): ListenerOptions {
  const documents = publicDocuments(config.issuer, keyring)
  return {
    name: 'public',
    listen: config.publicListen,
    bodyLimit: PUBLIC_BODY_BYTES,
    tls,
    routes: (app) => publicRoutes(app, documents),
  }
}

function observed({ clusters }: SignerConfig, { keys }: Keyring, tls: TlsSource, policies: PolicySource) {
  return {
    keys,
    clusters,
    policies: () => policies.current().length,
    policyProblems: () => policies.problems().length,
    certificateExpiresAt: () => new X509Certificate(tls.current().cert).validToDate.getTime() / 1000,
  }
}

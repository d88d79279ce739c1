/** Joins the parts of a signer into a running service: keys, callers, policies, the exchange and what is published. */
import { expiresAt, type TlsSource } from '../certificate/source.ts'
import { type ListenerOptions, startService } from '../service.ts'
import { createAuthenticate } from './caller/authenticate.ts'
import type { SignerConfig } from './config.ts'
import { reservedAudiences } from './config-file.ts'
import { publicDocuments } from './discovery.ts'
import type { KeySource } from './key-store/source.ts'
import { createMetrics, type SignerMetrics } from './metrics.ts'
import { publicRoutes } from './publish.ts'
import { openSources, type SourceDeps, type Sources, unready } from './sources.ts'
import { BODY_BYTES, tokenRoutes } from './token-endpoint.ts'

export interface SignerDeps extends SourceDeps {
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
  const sources = await openSources(config, deps)
  try {
    const metrics = createMetrics(observed(config, sources))
    const exchange = await exchangeListener({ config, deps, sources, metrics })
    const service = await startService({
      listeners: [exchange, publicListener(config, sources)],
      opsListen: config.opsListen,
      log: deps.log,
      drainSeconds: config.drainSeconds,
      metrics: metrics.render,
      unready: () => unready(sources),
    })
    return {
      ports: service.ports as Signer['ports'],
      async stop() {
        await service.stop()
        await sources.close()
      },
    }
  } catch (error) {
    await sources.close()
    throw error
  }
}

interface Parts {
  config: SignerConfig
  deps: SignerDeps
  sources: Sources
  metrics: SignerMetrics
}

async function exchangeListener({ config, deps, sources, metrics }: Parts): Promise<ListenerOptions> {
  const authenticate = await createAuthenticate(config, {
    now: deps.now,
    log: deps.log,
    client: sources.client,
    onFetchFailure: metrics.jwksFetchFailure,
    onLiveFailure: metrics.clusterFailure,
  })
  const endpoint = {
    ...deps,
    issuer: config.issuer,
    reserved: reservedAudiences(config),
    authenticate,
    policies: sources.policies.current,
    keys: sources.keys.current,
    metrics,
  }
  return {
    name: 'exchange',
    listen: config.exchangeListen,
    bodyLimit: BODY_BYTES,
    tls: sources.tls,
    routes: (app) => tokenRoutes(app, endpoint),
  }
}

function publicListener(config: SignerConfig, { keys, tls }: { keys: KeySource; tls: TlsSource }): ListenerOptions {
  const documents = publicDocuments(config.issuer, () => keys.current()?.keyring)
  return {
    name: 'public',
    listen: config.publicListen,
    bodyLimit: PUBLIC_BODY_BYTES,
    tls,
    routes: (app) => publicRoutes(app, documents),
  }
}

function observed({ clusters }: SignerConfig, { keys, tls, policies }: Sources) {
  return {
    keys: () => keys.current()?.keyring.keys ?? [],
    clusters,
    policies: () => policies.current().length,
    policyProblems: () => policies.problems().length,
    certificateExpiresAt: () => expiresAt(tls),
  }
}

/** The signer's metrics, and its door to prom-client. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { REASONS } from '../errors.ts'
import { LIVE_REQUESTS, type LiveRequest } from './caller/live.ts'

const STATES = ['active', 'standby']
const PREFIX = 'token_projector_signer_'
/** A signature takes about a millisecond, an exchange a few, and one that fetches keys up to seconds; in seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

export interface SignerMetrics {
  /** @param reason `none` for a grant, else the refusal's */
  exchange(outcome: 'granted' | 'refused' | 'failed', reason: string): void
  /** Starts a clock. @returns what stops it and counts the time */
  startExchange(): () => void
  startSigning(): () => void
  jwksFetchFailure(cluster: string): void
  /** A question to the cluster's API server that stayed without a usable answer. */
  clusterFailure(cluster: string, request: LiveRequest): void
  /** Prometheus text. */
  render(): Promise<{ contentType: string; body: string }>
}

/** What is read at every scrape. */
export interface Observed {
  keys(): readonly { state: string }[]
  clusters: readonly { name: string; mode: string }[]
  policies(): number
  policyProblems(): number
  /** Unix seconds. */
  certificateExpiresAt(): number
}

export function createMetrics(observed: Observed): SignerMetrics {
  const registers = [new Registry()]
  const [registry] = registers as [Registry]
  collectDefaultMetrics({ register: registry })
  observe(observed, registers)
  const exchanges = new Counter({
    name: `${PREFIX}exchanges_total`,
    help: 'Token exchanges by outcome (granted, refused, failed) and reason; the reason of a grant is none.',
    labelNames: ['outcome', 'reason'],
    registers,
  })
  const failures = new Counter({
    name: `${PREFIX}jwks_fetch_failures_total`,
    help: "Failed attempts to fetch a cluster's public keys.",
    labelNames: ['cluster'],
    registers,
  })
  const unanswered = new Counter({
    name: `${PREFIX}cluster_request_failures_total`,
    help: "Questions to a cluster's API server about a caller, by request, that it did not answer.",
    labelNames: ['cluster', 'request'],
    registers,
  })
  const duration = histogram('exchange_duration_seconds', 'Time from a parsed request to its answer.', registers)
  const signing = histogram('sign_duration_seconds', 'Time to make one signature.', registers)
  startAtZero(exchanges, failures, observed)
  startUnansweredAtZero(unanswered, observed)
  return {
    exchange: (outcome, reason) => exchanges.inc({ outcome, reason }),
    startExchange: () => stopwatch(duration),
    startSigning: () => stopwatch(signing),
    jwksFetchFailure: (cluster) => failures.inc({ cluster }),
    clusterFailure: (cluster, request) => unanswered.inc({ cluster, request }),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  }
}

/** A rate needs a series before its first event. */
function startAtZero(exchanges: Counter, failures: Counter, { clusters }: Observed): void {
  exchanges.inc({ outcome: 'granted', reason: 'none' }, 0)
  for (const [reason, entry] of Object.entries(REASONS)) {
    if (!('exchange' in entry)) continue
    exchanges.inc({ outcome: entry.exchange.status < 500 ? 'refused' : 'failed', reason }, 0)
  }
  for (const { name } of clusters) failures.inc({ cluster: name }, 0)
}

function startUnansweredAtZero(unanswered: Counter, { clusters }: Observed): void {
  const asked = clusters.filter(({ mode }) => mode === 'tokenReview')
  for (const { name } of asked) for (const request of LIVE_REQUESTS) unanswered.inc({ cluster: name, request }, 0)
}

function histogram(name: string, help: string, registers: Registry[]): Histogram {
  return new Histogram({ name: PREFIX + name, help, buckets: BUCKETS, registers })
}

function stopwatch(metric: Histogram): () => void {
  const stop = metric.startTimer()
  return () => void stop()
}

function observe(observed: Observed, registers: Registry[]): void {
  new Gauge({
    name: `${PREFIX}keys`,
    help: 'Signing keys by state.',
    labelNames: ['state'],
    registers,
    collect() {
      const keys = observed.keys()
      for (const state of STATES) this.set({ state }, keys.filter((key) => key.state === state).length)
    },
  })
  gauge('policies', 'AudiencePolicies in force.', registers, observed.policies)
  gauge('policy_problems', 'Mistakes in the newest reading of the policies.', registers, observed.policyProblems)
  gauge(
    'certificate_expiry_timestamp_seconds',
    "When the listeners' certificate ends.",
    registers,
    observed.certificateExpiresAt,
  )
}

function gauge(name: string, help: string, registers: Registry[], read: () => number): void {
  new Gauge({
    name: PREFIX + name,
    help,
    registers,
    collect() {
      this.set(read())
    },
  })
}

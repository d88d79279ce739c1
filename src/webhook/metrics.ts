/** The webhook's metrics, and its door to prom-client. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Admission adds to the time of every pod creation, so the scale begins below a millisecond. */
const DURATION_BUCKETS_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** What gauges read at each scrape. */
export interface Readings {
  policies(): number
  policyProblems(): number
  /** Unix seconds. */
  certificateExpiry(): number
}

export interface WebhookMetrics {
  /** Labels are bounded: an outcome of reviews and a reason of the registry. */
  countReview(outcome: string, reason: string, seconds: number): void
  render(): Promise<{ contentType: string; body: string }>
}

export function createMetrics(readings: Readings): WebhookMetrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const reviews = new Counter({
    name: 'token_projector_webhook_reviews_total',
    help: 'Admission reviews by outcome (untouched, injected, refused, failed) and reason.',
    labelNames: ['outcome', 'reason'] as const,
    registers,
  })
  const durations = new Histogram({
    name: 'token_projector_webhook_review_duration_seconds',
    help: 'Time from a parsed review to its answer.',
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  })
  gauge(registry, 'policies', 'AudiencePolicies in force at admission.', readings.policies)
  gauge(registry, 'policy_problems', 'Mistakes in the newest reading of the policy file.', readings.policyProblems)
  gauge(
    registry,
    'certificate_expiry_timestamp_seconds',
    'When the serving certificate expires, Unix seconds.',
    readings.certificateExpiry,
  )
  return {
    countReview(outcome, reason, seconds) {
      reviews.inc({ outcome, reason })
      durations.observe(seconds)
    },
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  }
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name: `token_projector_webhook_${name}`,
    help,
    registers: [registry],
    collect() {
      this.set(read())
    },
  })
}

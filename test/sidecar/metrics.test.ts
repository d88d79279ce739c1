/** The sidecar's metrics text. */
import { expect, test } from 'vitest'
import { createMetrics, escapeLabel } from '../../src/sidecar/metrics.ts'
import { absent, refused, status, unreachable } from './status.ts'

test('the text names every token, counts by how attempts ended, and leaves out times that never were', () => {
  const metrics = createMetrics(['default', 'aws'])
  metrics.count({ kind: 'found', token: 'default', jti: 'j', expiresAt: 1 })
  metrics.count({ kind: 'issued', token: 'default', jti: 'j', expiresAt: 1, renewInMs: 1 })
  metrics.count({ kind: 'issued', token: 'default', jti: 'j', expiresAt: 1, renewInMs: 1 })
  metrics.count({ kind: 'failed', token: 'aws', failure: refused, retryInMs: 1, file: 'absent' })
  metrics.count({ kind: 'failed', token: 'aws', failure: unreachable, retryInMs: 1, file: 'absent' })
  metrics.count({ kind: 'leapt', byMs: 9000 })
  expect(metrics.text([status(), status({ name: 'aws', ...absent })])).toBe(`\
# HELP token_projector_sidecar_token_expiry_timestamp_seconds When the token in the file expires.
# TYPE token_projector_sidecar_token_expiry_timestamp_seconds gauge
token_projector_sidecar_token_expiry_timestamp_seconds{token="default"} 1800003600
# HELP token_projector_sidecar_last_success_timestamp_seconds When the token was last issued.
# TYPE token_projector_sidecar_last_success_timestamp_seconds gauge
token_projector_sidecar_last_success_timestamp_seconds{token="default"} 1800000000
# HELP token_projector_sidecar_exchanges_total Attempts to get a token, by how they ended.
# TYPE token_projector_sidecar_exchanges_total counter
token_projector_sidecar_exchanges_total{token="default",outcome="issued",reason="none"} 2
token_projector_sidecar_exchanges_total{token="aws",outcome="issued",reason="none"} 0
token_projector_sidecar_exchanges_total{token="aws",outcome="refused",reason="signer-refused"} 1
token_projector_sidecar_exchanges_total{token="aws",outcome="failed",reason="signer-unreachable"} 1
# HELP token_projector_sidecar_clock_leaps_total Leaps of the clock, each of which renewed every token.
# TYPE token_projector_sidecar_clock_leaps_total counter
token_projector_sidecar_clock_leaps_total 1
`)
})

test('label values are escaped', () => {
  expect(escapeLabel('a"b\\c\nd')).toBe('a\\"b\\\\c\\nd')
})

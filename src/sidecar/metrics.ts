/** Counts exchanges and renders Prometheus' text format, version 0.0.4, in the few lines that the sidecar needs. Pure. */
import type { Report, TokenStatus } from '../keeper/loop.ts'

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'
const PREFIX = 'token_projector_sidecar_'

export interface Metrics {
  count(report: Report): void
  text(tokens: readonly TokenStatus[]): string
}

type Labels = Record<string, string>
type Sample = [labels: Labels, value: number]

/** @param names of the tokens, so that a counter exists before its first event */
export function createMetrics(names: readonly string[]): Metrics {
  const counts = new Map(names.map((token) => sample({ token, outcome: 'issued', reason: 'none' })))
  let leaps = 0

  function count(report: Report): void {
    if (report.kind === 'leapt') leaps += 1
    const labels = labelsOf(report)
    if (labels === undefined) return
    const key = JSON.stringify(labels)
    counts.set(key, [labels, (counts.get(key)?.[1] ?? 0) + 1])
  }

  function text(tokens: readonly TokenStatus[]): string {
    return [
      family(
        'token_expiry_timestamp_seconds',
        'gauge',
        'When the token in the file expires.',
        times(tokens, 'expiresAt'),
      ),
      family('last_success_timestamp_seconds', 'gauge', 'When the token was last issued.', times(tokens, 'issuedAt')),
      family('exchanges_total', 'counter', 'Attempts to get a token, by how they ended.', [...counts.values()]),
      family('clock_leaps_total', 'counter', 'Leaps of the clock, each of which renewed every token.', [[{}, leaps]]),
    ].join('')
  }
  return { count, text }
}

function sample(labels: Labels): [key: string, value: Sample] {
  return [JSON.stringify(labels), [labels, 0]]
}

function labelsOf(report: Report): Labels | undefined {
  if (report.kind === 'issued') return { token: report.token, outcome: 'issued', reason: 'none' }
  if (report.kind !== 'failed') return undefined
  const { refused, failed } = report.failure
  return { token: report.token, outcome: refused ? 'refused' : 'failed', reason: failed }
}

/** A token that was never there has no sample: zero would be a moment in 1970. */
function times(tokens: readonly TokenStatus[], key: 'expiresAt' | 'issuedAt'): Sample[] {
  return tokens.flatMap((token): Sample[] => {
    const value = token[key]
    return value === undefined ? [] : [[{ token: token.name }, value]]
  })
}

function family(name: string, type: 'gauge' | 'counter', help: string, samples: Sample[]): string {
  const lines = samples.map(([labels, value]) => `${PREFIX}${name}${braces(labels)} ${value}\n`)
  return `# HELP ${PREFIX}${name} ${help}\n# TYPE ${PREFIX}${name} ${type}\n${lines.join('')}`
}

function braces(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

/** Backslash, quote and newline, as the format asks. */
export function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))
}

/** The tables of the reference pages that follow from the code, as Markdown. */
import { EXIT } from '../../src/contract.ts'
import { entryOf, REASONS, type Reason } from '../../src/errors.ts'
import { createMetrics as createSidecarMetrics } from '../../src/sidecar/metrics.ts'
import { createMetrics as createSignerMetrics } from '../../src/signer/metrics.ts'
import { ANNOTATIONS } from '../../src/webhook/annotations.ts'
import { createMetrics as createWebhookMetrics } from '../../src/webhook/metrics.ts'
import { valueRows } from './values.ts'

/** The generated tables by name, and the page that holds each between `<!-- begin NAME -->` and `<!-- end NAME -->`. */
export const TABLES: Record<string, { page: string; rows(): string[] | Promise<string[]> }> = {
  reasons: { page: 'errors.md', rows: reasonRows },
  'exit codes': { page: 'errors.md', rows: exitRows },
  annotations: { page: 'annotations.md', rows: annotationRows },
  metrics: { page: 'metrics.md', rows: metricRows },
  values: { page: '../../charts/token-projector/README.md', rows: valueRows },
}

const EXIT_MEANINGS: Record<keyof typeof EXIT, string> = {
  ok: 'done',
  usage: 'the command line is wrong',
  data: 'what was given to read is wrong: a manifest, an annotation',
  internal: 'our own fault',
  deadline: 'the deadline passed while something could not be reached; trying again may help',
  refused: 'policy or the signer says no; trying again does not help',
  configuration: 'the configuration is wrong: an environment variable, a file, a key store',
}

function reasonRows(): string[] {
  const rows = (Object.keys(REASONS) as Reason[]).map((reason) => {
    const { meaning, admissionCode, exchange, exitCode } = entryOf(reason)
    const answer = exchange === undefined ? '–' : `${exchange.status} \`${exchange.error}\``
    return row(`\`${reason}\``, meaning, admissionCode ?? '–', answer, exitCode)
  })
  return [...heading('reason', 'meaning', 'admission', 'exchange', 'exit'), ...rows]
}

function exitRows(): string[] {
  const names = Object.keys(EXIT) as (keyof typeof EXIT)[]
  return [...heading('code', 'name', 'meaning'), ...names.map((name) => row(EXIT[name], name, EXIT_MEANINGS[name]))]
}

function annotationRows(): string[] {
  const rows = ANNOTATIONS.map((one) => row(`\`${one.suffix}\``, one.meaning, one.default ?? '–'))
  return [...heading('annotation', 'meaning', 'default'), ...rows]
}

/** Scrapes what each process renders, so that a metric that is registered cannot be left out. */
async function metricRows(): Promise<string[]> {
  const none = () => 0
  const readings = { policies: none, policyProblems: none, certificateExpiry: none, certificateExpiresAt: none }
  const texts = [
    (await createWebhookMetrics(readings).render()).body,
    (
      await createSignerMetrics({
        ...readings,
        keys: () => [],
        clusters: [{ name: 'c', mode: 'tokenReview' }],
      }).render()
    ).body,
    createSidecarMetrics(['default']).text([]),
  ]
  const rows = texts.flatMap((text) =>
    [...text.matchAll(/^# HELP (token_projector_\w+) (.*)\n# TYPE \S+ (\w+)$/gm)].map(([, name, help, type]) =>
      row(`\`${name}\``, type, help),
    ),
  )
  return [...heading('metric', 'type', 'meaning'), ...rows]
}

function heading(...names: string[]): string[] {
  return [row(...names), `|${'---|'.repeat(names.length)}`]
}

function row(...cells: unknown[]): string {
  return `| ${cells.join(' | ')} |`
}

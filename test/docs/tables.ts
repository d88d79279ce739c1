/** The tables of the reference pages that follow from the code, as Markdown rows. */
import { EXIT } from '../../src/contract.ts'
import { entryOf, REASONS, type Reason } from '../../src/errors.ts'

const EXIT_MEANINGS: Record<keyof typeof EXIT, string> = {
  ok: 'done',
  usage: 'the command line is wrong',
  data: 'what was given to read is wrong: a manifest, an annotation',
  internal: 'our own fault',
  deadline: 'the deadline passed while something could not be reached; trying again may help',
  refused: 'policy or the signer says no; trying again does not help',
  configuration: 'the configuration is wrong: an environment variable, a file, a key store',
}

export function reasonRows(): string {
  return (Object.keys(REASONS) as Reason[]).map(reasonRow).join('\n')
}

function reasonRow(reason: Reason): string {
  const { meaning, admissionCode, exchange, exitCode } = entryOf(reason)
  const answer = exchange === undefined ? '–' : `${exchange.status} \`${exchange.error}\``
  return `| \`${reason}\` | ${meaning} | ${admissionCode ?? '–'} | ${answer} | ${exitCode} |`
}

export function exitRows(): string {
  const names = Object.keys(EXIT) as (keyof typeof EXIT)[]
  return names.map((name) => `| ${EXIT[name]} | ${name} | ${EXIT_MEANINGS[name]} |`).join('\n')
}

/** Fetches every token once, for pods whose tokens outlive their work and for init containers. */
import { EXIT, type SidecarConfig } from '../contract.ts'
import type { Report } from '../keeper/loop.ts'
import { createJournal } from './journal.ts'
import { type Environment, keepTokens } from './keep.ts'
import { finalRefusal, missing, unready } from './readiness.ts'

/** Where the start of the pod does not wait, this program still has to end. */
const DEFAULT_DEADLINE_SECONDS = 30

/**
 * Ends when each token is written, or was there and good already and could not be renewed at the first attempt.
 * @returns the exit code: 0, 75 after the deadline or a stop, 77 refused
 */
export async function once(config: SidecarConfig, environment: Environment): Promise<number> {
  const ending = new AbortController()
  const refusing = new AbortController()
  const journal = createJournal(environment.log)
  const open = new Set(config.tokens.map(({ name }) => name))
  const seconds = config.startDeadlineSeconds || DEFAULT_DEADLINE_SECONDS
  let refusal: string | undefined

  function report(one: Report): void {
    const final = finalRefusal(one)
    if (final === undefined) journal(one)
    else refusing.abort()
    refusal ??= final
    if (one.kind === 'issued' || (one.kind === 'failed' && one.file !== 'absent')) open.delete(one.token)
    if (open.size === 0) ending.abort()
  }

  const cancel = environment.setTimer(seconds * 1000, () => ending.abort())
  const cut = AbortSignal.any([environment.stop, ending.signal])
  // A refusal of one token lets the others that are under way be written.
  const stop = AbortSignal.any([cut, refusing.signal])
  const keeper = keepTokens(config, environment, report, stop, cut)
  await keeper.done
  cancel()
  if (refusal !== undefined) return end(environment, EXIT.refused, refusal, 'signer-refused')
  const tokens = keeper.tokens()
  if (missing(tokens).length === 0) return end(environment, EXIT.ok, 'every token is there')
  const why = environment.stop.aborted ? 'stopped' : `deadline of ${seconds} s passed`
  const absent = unready(tokens.filter((token) => !token.isThere))
  return end(environment, EXIT.deadline, `${why} before every token was there: ${absent}`)
}

function end({ log }: Environment, code: number, sentence: string, reason?: string): number {
  log(code === EXIT.ok ? 'info' : 'error', sentence, { reason })
  return code
}

/** The sidecar's life: keeps every token fresh and shows how it is doing, until the pod ends. */
import { EXIT, type SidecarConfig } from '../contract.ts'
import type { Keeper, Report } from '../keeper/loop.ts'
import type { OpsListen } from './config.ts'
import { createJournal } from './journal.ts'
import { type Environment, keepTokens } from './keep.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { type Ops, startOps } from './ops.ts'
import { finalRefusal, missing, unready } from './readiness.ts'

/**
 * Runs until `environment.stop`, or until the signer refuses a token that was never there while the start waits for it:
 * then the pod cannot start, and a person should read why in its status instead of in a log that nobody opens.
 * @returns the exit code: 0, 75 when some token was never there, 77 refused
 */
export async function run(
  config: SidecarConfig,
  opsListen: OpsListen | undefined,
  environment: Environment,
): Promise<number> {
  const ending = new AbortController()
  const metrics = createMetrics(config.tokens.map(({ name }) => name))
  const journal = createJournal(environment.log)
  let refusal: string | undefined
  // Whoever finds a token was running before: its application lives on the other tokens, whatever happens to one.
  let isStart = config.startDeadlineSeconds > 0

  function report(one: Report): void {
    metrics.count(one)
    if (one.kind === 'found') isStart = false
    const final = isStart ? finalRefusal(one) : undefined
    if (final === undefined) journal(one)
    else ending.abort()
    refusal ??= final
  }

  const stop = AbortSignal.any([environment.stop, ending.signal])
  const keeper = keepTokens(config, environment, report, stop, environment.stop)
  const ops = serve(opsListen, keeper, metrics, environment)
  await keeper.done
  ops?.close()
  return refusal === undefined ? stopped(keeper, environment) : refused(refusal, environment)
}

function serve(
  listen: OpsListen | undefined,
  keeper: Keeper,
  metrics: Metrics,
  environment: Environment,
): Ops | undefined {
  if (listen === undefined) return undefined
  const pages = { unready: () => unready(keeper.tokens()), metrics: () => metrics.text(keeper.tokens()) }
  return startOps(listen, pages, environment.log)
}

function refused(refusal: string, { log }: Environment): number {
  log('error', refusal, { reason: 'signer-refused' })
  return EXIT.refused
}

function stopped(keeper: Keeper, { log }: Environment): number {
  const tokens = keeper.tokens()
  const never = missing(tokens)
  if (never.length === 0) {
    log('info', 'stopped; the token files stay')
    return EXIT.ok
  }
  log('error', `stopped before every token was there: ${unready(tokens.filter((token) => !token.isThere))}`)
  return EXIT.deadline
}

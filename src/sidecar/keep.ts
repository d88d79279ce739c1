/** Gives the keeper what it needs to keep one pod's tokens: the signer, the folder, and the provider files before the first token. */
import type { SidecarConfig } from '../contract.ts'
import { createExchange } from '../keeper/exchange.ts'
import { readIdentityToken } from '../keeper/identity-token.ts'
import { type Keeper, type Report, startKeeper } from '../keeper/loop.ts'
import { type Folder, findFile, removeLeftovers, replaceFile } from '../keeper/token-file.ts'
import type { Log } from './log.ts'

/** What only main.ts may take from the process. */
export interface Environment {
  /** Unix milliseconds. */
  now(): number
  /** Milliseconds that no one sets. */
  monotonic(): number
  /** Uniform in [0, 1). */
  random(): number
  setTimer(delayMs: number, fire: () => void): () => void
  log: Log
  /** Somebody wants us to end. */
  stop: AbortSignal
  /** Somebody wants every token renewed; `renew` replaces what was given before. */
  onRenew(renew: () => void): void
}

/**
 * Cleans up after a former life and keeps every token of `config`.
 * @param stop no attempt begins after it; what is under way is still written
 * @param cut what is under way is given up
 * @throws ProjectorError `configuration-invalid` when the CA bundle is unusable
 */
export function keepTokens(
  config: SidecarConfig,
  environment: Environment,
  report: (report: Report) => void,
  stop: AbortSignal,
  cut: AbortSignal,
): Keeper {
  const { now, monotonic, random, setTimer } = environment
  const folder: Folder = { directory: config.directory, mode: Number.parseInt(config.fileMode, 8), random }
  const exchange = createExchange(config.signer)
  removeLeftovers(config.directory)
  const keeper = startKeeper(
    config.tokens,
    {
      now,
      monotonic,
      random,
      setTimer,
      report,
      exchange,
      prepare: once(() => writeFiles(config, folder)),
      readIdentityToken: () => readIdentityToken(config.identityTokenFile),
      findFile: (name) => findFile(config.directory, name),
      replaceFile: (name, text) => replaceFile(folder, name, text),
    },
    stop,
    cut,
  )
  environment.onRenew(keeper.renewNow)
  return keeper
}

/** An SDK that finds its token must find the file that points there too. */
function writeFiles(config: SidecarConfig, folder: Folder): void {
  for (const file of config.files) replaceFile(folder, file.name, file.content)
}

/** Until `task` succeeds once. */
function once(task: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    task()
    isDone = true
  }
}

/** Waits until every token is there: what the kubelet runs before it starts anything else in the pod. */
import { EXIT, type SidecarConfig } from '../contract.ts'
import { judgeFound } from '../keeper/found.ts'
import { findFile } from '../keeper/token-file.ts'

const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 100

export interface WaitDeps {
  /** Unix milliseconds. */
  now(): number
  /** Milliseconds that no one sets. */
  monotonic(): number
  sleep(delayMs: number): Promise<void>
  /** Receives a line for a person, without its newline. */
  say(line: string): void
}

/** @returns the exit code: 0 when every token is there or the start does not wait, 75 after the deadline */
export async function wait(config: SidecarConfig, deps: WaitDeps): Promise<number> {
  const deadline = deps.monotonic() + config.startDeadlineSeconds * 1000
  if (config.startDeadlineSeconds === 0) return EXIT.ok
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const absent = absentTokens(config, deps.now())
    if (absent.length === 0) return EXIT.ok
    if (deps.monotonic() >= deadline) {
      deps.say(`no token ${absent.join(', ')} within ${config.startDeadlineSeconds} s: see the sidecar's log`)
      return EXIT.deadline
    }
    await deps.sleep(pauseMs)
  }
}

function absentTokens(config: SidecarConfig, now: number): string[] {
  return config.tokens
    .filter(({ name, audience }) => judgeFound(findFile(config.directory, name), audience, now) === undefined)
    .map(({ name }) => name)
}

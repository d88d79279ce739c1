/** Waits for a state that another process reaches in its own time. */
import { setTimeout as sleep } from 'node:timers/promises'

export interface WaitOptions {
  timeoutMs?: number
  everyMs?: number
}

/**
 * Tries until `probe` does not throw, and gives what it returned.
 * @throws Error that names what did not come, with the last attempt's error as its cause
 */
export async function until<T>(what: string, probe: () => Promise<T>, options: WaitOptions = {}): Promise<T> {
  const { timeoutMs = 60_000, everyMs = 100 } = options
  const deadlineMs = performance.now() + timeoutMs
  for (;;) {
    try {
      return await probe()
    } catch (cause) {
      if (performance.now() > deadlineMs) throw new Error(`waited ${timeoutMs / 1000} s in vain: ${what}`, { cause })
    }
    await sleep(everyMs)
  }
}

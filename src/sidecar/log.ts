/** Writes JSON lines by hand, each through the last filter: a logging library costs memory in every pod. */
import { redact } from '../redact.ts'
import type { Level } from './config.ts'

const RANK: Record<Level, number> = { trace: 10, debug: 20, info: 30, warn: 40, error: 50 }

/** Writes one line: a sentence, and facts that a query may want. */
export type Log = (level: Level, msg: string, facts?: Record<string, string | number | boolean | undefined>) => void

/**
 * `msg` comes right after level and time, because the kubelet shows a failed container's last line cut to 2 KiB.
 * @param now Unix milliseconds
 * @param write receives each whole line, filtered, with its newline
 */
export function createLog(least: Level, now: () => number, write: (line: string) => void): Log {
  return (level, msg, facts) => {
    if (RANK[level] < RANK[least]) return
    const line = { level, time: new Date(now()).toISOString(), msg, process: 'sidecar', ...facts }
    write(`${redact(JSON.stringify(line))}\n`)
  }
}

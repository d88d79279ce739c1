/** Writes audit lines so that a line that is lost is known before its token is handed out. */
import { writeSync } from 'node:fs'

/** How long a full pipe may keep a line; whoever reads it is gone or stuck after that. */
const PATIENCE_MS = 1000
const PAUSE_MS = 2

/**
 * A synchronous writer on an open descriptor: a stream's `write` reports a closed pipe or a full disk only later.
 * @returns a function that throws when the line is not wholly written
 */
export function createAuditOutput(descriptor: number): (line: string) => void {
  return (line) => {
    let rest = Buffer.from(line)
    for (let waitedMs = 0; rest.length > 0; ) {
      const written = writeSome(descriptor, rest)
      rest = rest.subarray(written)
      if (written > 0) continue
      if (waitedMs >= PATIENCE_MS) throw new Error('the audit log takes no line; its reader is stuck')
      pause(PAUSE_MS)
      waitedMs += PAUSE_MS
    }
  }
}

/** @returns 0 when the pipe is full now */
function writeSome(descriptor: number, bytes: Buffer): number {
  try {
    return writeSync(descriptor, bytes)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0
    throw error
  }
}

function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

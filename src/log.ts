/** The one door to pino: JSON lines on standard output, each through the last filter. */
import { type Logger, pino } from 'pino'
import { redact } from './redact.ts'

export type Log = Logger

/**
 * A logger that writes one JSON object a line; `time` is ISO 8601.
 * @param write receives each whole line, already filtered
 */
export function createLog(level: string, process: string, write: (line: string) => void): Log {
  return pino(
    {
      level,
      base: { process },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.errWithCause },
    },
    { write: (line: string) => write(redact(line)) },
  )
}

/** Speaks to a person: colour on a terminal, plain text in a pipe; the one door to picocolors. */
import pc from 'picocolors'
import { redact } from '../redact.ts'

export interface Voice {
  say(line: string): void
  warn(sentence: string): void
  error(sentence: string): void
}

/** Every line is told whose it is, because an application's own output stands beside it. */
export function createVoice(write: (text: string) => void, isTerminal: boolean): Voice {
  const paint = pc.createColors(isTerminal && pc.isColorSupported)
  const line = (text: string) => write(`${paint.dim('token-projector:')} ${redact(text)}\n`)
  return {
    say: line,
    warn: (sentence) => line(`${paint.yellow('warning:')} ${sentence}`),
    error: (sentence) => line(`${paint.red('error:')} ${sentence}`),
  }
}

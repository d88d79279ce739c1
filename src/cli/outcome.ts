/** Turns refusals and failures into what a person reads and the exit code that a script reads. Pure. */
import { EXIT } from '../contract.ts'
import { entryOf, ProjectorError, type Refusal } from '../errors.ts'

export interface Outcome {
  exitCode: number
  /** A sentence each. */
  messages: string[]
}

/** Mistakes in the input come first: whoever mends them may see the refusals of policy go too. */
export function outcomeOf(refusals: readonly Refusal[]): Outcome {
  const exitCodes = refusals.map(({ refused }) => entryOf(refused).exitCode)
  return { exitCode: Math.min(...exitCodes), messages: refusals.map(({ message }) => message) }
}

/** Anything that is not ours to expect is our fault, and its stack is what a bug report needs. */
export function outcomeOfError(error: unknown): Outcome {
  if (error instanceof ProjectorError) return { exitCode: error.exitCode, messages: error.message.split('\n') }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { exitCode: EXIT.internal, messages: [`our fault, please report it: ${text}`] }
}

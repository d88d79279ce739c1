/** Starts local processes and tells how they end: the one door to execa. */
import { constants } from 'node:os'
import { execa, type Options } from 'execa'
import { redact } from '../../redact.ts'
import type { LocalProcess } from './plan.ts'

/** What shells answer for a program that is not there, or may not be run. */
const NOT_FOUND = 127
const NOT_STARTED = 126
const SIGNALLED = 128

/**
 * `inherit` is all that the person's command line has; `terminal` the same where that is a terminal, whose keyboard only
 * a process of the same group can read; `share` leaves the input out; `capture` keeps the log.
 */
export type Output = 'inherit' | 'terminal' | 'share' | 'capture'

export interface Ending {
  /** As a shell tells it: 128 and the signal's number after a signal. */
  exitCode: number
  /** What the process said last, for a captured one, or why it could not be started. */
  lastMessage: string | undefined
}

export interface RunningProcess {
  container: string
  /** Never rejects. */
  ended: Promise<Ending>
  signal(name: NodeJS.Signals): void
  /** Ends the process and everything that it started. */
  kill(): void
}

/**
 * @param onLine receives every line of a captured process, without tokens
 */
export function startProcess(process_: LocalProcess, output: Output, onLine: (line: string) => void): RunningProcess {
  const { container, command, variables, workingDirectory } = process_
  const [file = '', ...args] = command
  const hasOwnGroup = output !== 'terminal'
  let lastMessage: string | undefined
  function* read(line: unknown): Generator<string> {
    const text = redact(String(line))
    lastMessage = messageOf(text) ?? lastMessage
    onLine(text)
    yield* []
  }
  const child = execa(file, args, {
    ...streams(output, read),
    env: variables,
    extendEnv: false,
    reject: false,
    buffer: false,
    // A group of its own: Ctrl-C reaches us alone and is passed on in order, and nothing outlives the group.
    detached: hasOwnGroup,
    forceKillAfterDelay: false,
    ...(workingDirectory === undefined ? {} : { cwd: workingDirectory }),
  })
  const end = () => killGroup(child.pid, hasOwnGroup)
  let isOver = false
  // What it left running would hold its output open, and its container would not let it live either.
  child.nodeChildProcess.once('exit', () => {
    isOver = true
    if (hasOwnGroup) end()
  })
  return {
    container,
    ended: child.then(
      (result) => ({ exitCode: exitCodeOf(result), lastMessage: startProblem(result, file) ?? lastMessage }),
      (error: unknown) => ({ exitCode: NOT_STARTED, lastMessage: String(error) }),
    ),
    signal(name) {
      // The terminal has told the whole group already, and a second SIGINT means "at once" to many programs.
      if (hasOwnGroup || name !== 'SIGINT') child.kill(name)
    },
    kill() {
      // The number may be somebody else's by now.
      if (!isOver) end()
    },
  }
}

function streams(output: Output, read: (line: unknown) => Generator<string>): Options {
  if (output === 'inherit' || output === 'terminal') return { stdin: 'inherit', stdout: 'inherit', stderr: 'inherit' }
  if (output === 'share') return { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' }
  return { stdin: 'ignore', stdout: read, stderr: read }
}

/** What of execa's result we read. */
interface Outcome {
  exitCode?: number | undefined
  signal?: NodeJS.Signals | undefined
  code?: string | undefined
}

function exitCodeOf(result: Outcome): number {
  if (result.exitCode !== undefined) return result.exitCode
  if (result.signal !== undefined) return SIGNALLED + constants.signals[result.signal]
  return result.code === 'ENOENT' ? NOT_FOUND : NOT_STARTED
}

function startProblem(result: Outcome, file: string): string | undefined {
  if (result.code === 'ENOENT') {
    return `${file} is not there; install it, or map the folder of the image it is in with --map`
  }
  // As execvp(3) has it, a folder of PATH that may not be searched hides that nothing was found.
  return result.code === 'EACCES' ? `${file} may not be executed, or is in no folder of PATH` : undefined
}

/** The `msg` of a JSON line, or the line. */
function messageOf(line: string): string | undefined {
  if (line.trim() === '') return undefined
  try {
    const { msg } = JSON.parse(line) as { msg?: unknown }
    return typeof msg === 'string' ? msg : line
  } catch {
    return line
  }
}

/** The negative number is the group. */
function killGroup(pid: number | undefined, isGroup: boolean): void {
  if (pid === undefined) return
  try {
    process.kill(isGroup ? -pid : pid, 'SIGKILL')
  } catch {
    // Nobody is left.
  }
}

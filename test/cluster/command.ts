/** Runs a program to its end. */
import { execa, type Options } from 'execa'

export interface RunOptions {
  /** What the program reads on standard input; nothing by default. */
  input?: string | undefined
  cwd?: string
  /** Added to this process's environment, or all of it with `bare`. */
  environment?: Record<string, string>
  bare?: boolean
  timeoutMs?: number
}

const TIMEOUT_MS = 120_000

/**
 * @returns standard output
 * @throws ExecaError with the command line and what it wrote to standard error
 */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const [program = '', ...args] = command
  const settings: Options = {
    env: options.environment ?? {},
    extendEnv: options.bare !== true,
    timeout: options.timeoutMs ?? TIMEOUT_MS,
    stripFinalNewline: false,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
  }
  const { stdout } = await execa(program, args, settings)
  return String(stdout)
}

/** A process of the demo's: started, read line by line, and ended by its own pid. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface Child {
  /** Resolves with the first line that `pick` makes something of; rejects when the process ends before. */
  firstLine<T>(pick: (line: string) => T | undefined): Promise<T>
  /** Calls back for every line of standard output, those before this call too. */
  onLine(use: (line: string) => void): void
  /** Everything on standard output so far. */
  output(): string
  /** What standard error said, for a failure's sentence. */
  errors(): string
  exitCode: Promise<number>
  stop(): Promise<void>
}

/** @param env the whole environment; nothing is inherited */
export function startChild(command: readonly string[], env: Record<string, string>): Child {
  const [program = '', ...args] = command
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const uses: ((line: string) => void)[] = []
  const past: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    past.push(line)
    for (const use of uses) use(line)
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4000)
  })
  const exitCode = exitOf(child)
  return {
    firstLine: (pick) => firstLine(past, uses, pick, exitCode, () => errors),
    onLine: (use) => {
      for (const line of past) use(line)
      uses.push(use)
    },
    output: () => past.join('\n'),
    errors: () => errors.trim(),
    exitCode,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await exitCode
    },
  }
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(127))
    child.once('close', (code) => resolve(code ?? 1))
  })
}

function firstLine<T>(
  past: readonly string[],
  uses: ((line: string) => void)[],
  pick: (line: string) => T | undefined,
  exitCode: Promise<number>,
  errors: () => string,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const look = (line: string) => {
      const picked = pick(line)
      if (picked !== undefined) resolve(picked)
    }
    uses.push(look)
    for (const line of past) look(line)
    void exitCode.then((code) => reject(new Error(`it ended with ${code}: ${errors() || past.at(-1)}`)))
  })
}

/** A line's JSON object; other lines are somebody else's output. */
export function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

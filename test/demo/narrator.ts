/** Tells the demo's steps as they happen: in colour on a terminal, plainly in a pipe. */
import type { Writable } from 'node:stream'
import picocolors from 'picocolors'

export interface Narrator {
  /** A step begins. */
  step(title: string): void
  /** Something seen within a step. */
  seen(text: string): void
  /** Facts, one a line, their names aligned. */
  facts(facts: Record<string, unknown>): void
  failed(text: string): void
  done(text: string): void
}

export function createNarrator(out: Writable, isTerminal: boolean): Narrator {
  const colors = picocolors.createColors(isTerminal)
  const line = (text: string) => void out.write(`${text}\n`)
  let steps = 0
  return {
    step: (title) => {
      steps += 1
      line(`${colors.bold(colors.cyan(`${steps}.`))} ${colors.bold(title)}`)
    },
    seen: (text) => line(`   ${text}`),
    facts: (facts) => {
      const width = Math.max(...Object.keys(facts).map((name) => name.length))
      for (const [name, value] of Object.entries(facts)) line(`     ${colors.dim(name.padEnd(width))}  ${shown(value)}`)
    },
    failed: (text) => line(colors.red(text)),
    done: (text) => line(colors.green(text)),
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

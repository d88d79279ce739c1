/** Starts a cluster's long-running parts inside its namespaces, and tells why one ended. */
import { spawn } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import type { Namespaces } from './namespaces.ts'

export interface Processes {
  /** @param command what runs inside; it writes to `log` */
  start(name: string, command: readonly string[], log: string): Promise<void>
  /** Waits for `work`, and fails as soon as a part ends: nobody should wait for what cannot come. */
  unlessEnded<T>(work: Promise<T>): Promise<T>
}

const TAIL_LINES = 15

export function createProcesses(namespaces: Namespaces): Processes {
  const failure = Promise.withResolvers<never>()
  // A part that ends because the cluster stops is nobody's failure.
  failure.promise.catch(() => {})
  return {
    start: async (name, command, log) => {
      const file = await open(log, 'a')
      const [program = '', ...args] = namespaces.within(command)
      const child = spawn(program, args, {
        env: namespaces.environment,
        stdio: ['ignore', file.fd, file.fd],
        // Ctrl-C is for the harness, which stops the parts itself; and they outlive it when it is told to leave them.
        detached: true,
      })
      child.on('error', failure.reject)
      child.on('exit', (code, signal) => void ended(name, code ?? signal, log).then(failure.reject))
      child.unref()
      await file.close()
    },
    unlessEnded: (work) => Promise.race([work, failure.promise]),
  }
}

async function ended(name: string, how: number | string | null, log: string): Promise<Error> {
  const text = await readFile(log, 'utf8').catch(() => '')
  const tail = text.trimEnd().split('\n').slice(-TAIL_LINES).join('\n')
  return new Error(`${name} ended (${how}); the end of ${log}:\n${tail}`)
}

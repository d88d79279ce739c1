/** The command line's process: arguments in, exit code out. */
import { randomUUID } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { EXIT } from '../contract.ts'
import { type Outcome, outcomeOfError } from './outcome.ts'
import { type Invocation, parseCommandLine } from './program.ts'
import { createVoice } from './voice.ts'

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const

const voice = createVoice((text) => process.stderr.write(text), process.stderr.isTTY === true)
const stdin = () => buffer(process.stdin)
// Whoever reads us has enough, as `head` does.
process.stdout.on('error', () => process.exit(EXIT.ok))

const invocation = parseCommandLine(process.argv.slice(2), {
  writeOut: (text) => process.stdout.write(text),
  writeErr: (text) => process.stderr.write(text),
})
const outcome = await run(invocation).catch(outcomeOfError)
for (const message of outcome.messages) voice.error(message)
// Flushed and then at once: nothing that was forgotten may hold a script up.
process.stdout.write('', () => process.stderr.write('', () => process.exit(outcome.exitCode)))

async function run(invocation: Invocation): Promise<Outcome> {
  if (invocation.verb === 'none') return { exitCode: invocation.exitCode, messages: [] }
  // Each verb loads what it alone needs: `inject` has no use for a signer.
  if (invocation.verb === 'inject') {
    const { inject } = await import('./inject.ts')
    const writeOut = (text: string) => void process.stdout.write(text)
    return inject(invocation.options, { stdin, writeOut, warn: voice.warn })
  }
  if (invocation.verb === 'explain') {
    const { explain } = await import('./explain.ts')
    return explain(invocation.options, (text) => void process.stdout.write(text))
  }
  if (invocation.verb === 'trust') {
    const { trust } = await import('./trust.ts')
    return trust(invocation.options, { writeOut: (text) => void process.stdout.write(text), say: voice.say })
  }
  const { exec } = await import('./exec.ts')
  return exec(invocation.options, {
    now: Date.now,
    random: Math.random,
    randomUUID,
    path: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    runtimeDirectory: process.env['XDG_RUNTIME_DIR'],
    node: process.execPath,
    isTerminal: process.stdin.isTTY === true,
    stdin,
    say: voice.say,
    onSignal: (pass) => {
      for (const name of SIGNALS) process.on(name, () => pass(name))
    },
  })
}

/** The sidecar's program: `run` keeps tokens fresh, `once` fetches them and ends, `wait` waits until they are there. */
import { EXIT } from '../contract.ts'
import { ProjectorError } from '../errors.ts'
import { type Level, parseSettings } from './config.ts'
import type { Environment } from './keep.ts'
import { createLog, type Log } from './log.ts'
import { once } from './once.ts'
import { run } from './run.ts'
import { wait } from './wait.ts'

const USAGE = `usage: sidecar run | once | wait
  run   keep the tokens of TOKEN_PROJECTOR_SIDECAR fresh until SIGTERM; SIGHUP renews them all
  once  fetch every token and end
  wait  end when every token is there
`

// From the first moment: as the first process of a container we get no signal that we do not ask for,
// and anywhere else a signal that came before its handler would end us.
const stop = new AbortController()
let renew: () => void = () => undefined
process.on('SIGTERM', () => stop.abort())
process.on('SIGINT', () => stop.abort())
process.on('SIGHUP', () => renew())
// A reader of our log that went away must not take the tokens with it.
process.stdout.on('error', () => undefined)

function logAt(level: Level): Log {
  return createLog(level, Date.now, (line) => process.stdout.write(line))
}

function setTimer(delayMs: number, fire: () => void): () => void {
  const timer = setTimeout(fire, delayMs)
  return () => clearTimeout(timer)
}

async function start(verb: string | undefined): Promise<number> {
  if (verb !== 'run' && verb !== 'once' && verb !== 'wait') {
    process.stderr.write(USAGE)
    return verb === '--help' ? EXIT.ok : EXIT.usage
  }
  const { config, logLevel, opsListen } = parseSettings(process.env)
  const log = logAt(logLevel)
  const now = Date.now
  const monotonic = () => performance.now()
  if (verb === 'wait') {
    stop.signal.addEventListener('abort', () => process.exit(EXIT.deadline))
    const sleep = (delayMs: number) => new Promise<void>((resolve) => setTimeout(resolve, delayMs))
    return wait(config, { now, monotonic, sleep, say: (line) => log('error', line) })
  }
  const onRenew = (next: () => void) => {
    renew = next
  }
  const environment: Environment = { now, monotonic, random: Math.random, setTimer, log, stop: stop.signal, onRenew }
  return verb === 'run' ? run(config, opsListen, environment) : once(config, environment)
}

function fail(error: unknown): number {
  const isExpected = error instanceof ProjectorError
  const message = error instanceof Error ? error.message : String(error)
  logAt('error')('error', message, { reason: isExpected ? error.reason : 'internal' })
  return isExpected ? error.exitCode : EXIT.internal
}

process.on('uncaughtException', (error) => process.exit(fail(error)))
process.exit(await start(process.argv[2]).catch(fail))

/** Runs a service as a process of its host: configuration in, log lines out, an end by signal, an exit code. */
import { EXIT } from './contract.ts'
import { ProjectorError } from './errors.ts'
import { createLog, type Log } from './log.ts'
import { VERSION } from './version.ts'

/** What a service needs of `process`. */
export interface Host {
  env: Record<string, string | undefined>
  stdout: { write(line: string): void }
  /** `on`, since an unhandled second signal would end the drain. */
  on(event: 'SIGTERM' | 'SIGINT' | 'uncaughtException', listener: (value: unknown) => void): void
  exit(code: number): never
}

export interface HostedService<Config> {
  name: 'webhook' | 'signer'
  parse(env: Host['env']): Config
  logLevel(config: Config): string
  /** What the first log line says of the configuration. */
  facts(config: Config): object
  start(config: Config, log: Log): Promise<{ ports: Record<string, number>; stop(): Promise<void> }>
}

/** Ends the process with 0 after a signal, or with the error's exit code and a last line that says why. */
export async function host<Config>(process: Host, service: HostedService<Config>): Promise<void> {
  const write = (line: string) => void process.stdout.write(line)
  let log = createLog('info', service.name, write)

  function fail(error: unknown): never {
    if (error instanceof ProjectorError) {
      log.fatal({ reason: error.reason }, error.message)
      return process.exit(error.exitCode)
    }
    log.fatal({ err: error }, `the ${service.name} cannot go on`)
    return process.exit(EXIT.internal)
  }

  process.on('uncaughtException', fail)
  try {
    const config = service.parse(process.env)
    log = createLog(service.logLevel(config), service.name, write)
    log.info({ version: VERSION, ...service.facts(config) }, 'starting')
    const running = await service.start(config, log)
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => void running.stop().then(() => process.exit(EXIT.ok), fail))
    }
    // Last: whoever waits for this line may send a signal at once.
    log.info({ ports: running.ports }, 'serving')
  } catch (error) {
    fail(error)
  }
}

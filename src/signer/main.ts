/** The signer's process: environment in, exit code out. */
import { randomUUID } from 'node:crypto'
import { EXIT } from '../contract.ts'
import { ProjectorError } from '../errors.ts'
import { createLog, type Log } from '../log.ts'
import { VERSION } from '../version.ts'
import { startSigner } from './app.ts'
import { parseSignerConfig } from './config.ts'

const write = (line: string) => void process.stdout.write(line)
let log: Log = createLog('info', 'signer', write)
process.once('uncaughtException', fail)

try {
  const config = parseSignerConfig(process.env)
  log = createLog(config.logLevel, 'signer', write)
  log.info({ version: VERSION, issuer: config.issuer.url, organization: config.issuer.organization }, 'starting')
  const signer = await startSigner(config, { now: Date.now, randomUUID, log, writeAudit: write })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // `on`, since an unhandled second signal would end the drain.
    process.on(signal, () => void signer.stop().then(() => process.exit(EXIT.ok), fail))
  }
  // Last: whoever waits for this line may send a signal at once.
  log.info({ ports: signer.ports }, 'serving')
} catch (error) {
  fail(error)
}

function fail(error: unknown): void {
  if (error instanceof ProjectorError) {
    log.fatal({ reason: error.reason }, error.message)
    process.exit(error.exitCode)
  }
  log.fatal({ err: error }, 'the signer cannot go on')
  process.exit(EXIT.internal)
}

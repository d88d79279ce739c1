/** The webhook's process: environment in, exit code out. */
import { EXIT } from '../contract.ts'
import { ProjectorError } from '../errors.ts'
import { createLog, type Log } from '../log.ts'
import { VERSION } from '../version.ts'
import { startWebhook } from './app.ts'
import { parseWebhookConfig } from './config.ts'

const write = (line: string) => void process.stdout.write(line)
let log: Log = createLog('info', 'webhook', write)
process.once('uncaughtException', fail)

try {
  const config = parseWebhookConfig(process.env)
  log = createLog(config.LOG_LEVEL, 'webhook', write)
  log.info({ version: VERSION, prefix: config.ANNOTATION_PREFIX, policyCheck: config.POLICY_CHECK }, 'starting')
  const webhook = await startWebhook(config, { log, monotonicMs: () => performance.now() })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // `on`, since an unhandled second signal would end the drain.
    process.on(signal, () => void webhook.stop().then(() => process.exit(EXIT.ok), fail))
  }
  // Last: whoever waits for this line may send a signal at once.
  log.info({ ports: webhook.ports }, 'serving')
} catch (error) {
  fail(error)
}

function fail(error: unknown): void {
  if (error instanceof ProjectorError) {
    log.fatal({ reason: error.reason }, error.message)
    process.exit(error.exitCode)
  }
  log.fatal({ err: error }, 'the webhook cannot go on')
  process.exit(EXIT.internal)
}

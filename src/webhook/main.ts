/** The webhook's process: a clock in, exit code out. */
import { host } from '../host.ts'
import { startWebhook } from './app.ts'
import { parseWebhookConfig } from './config.ts'

await host(process, {
  name: 'webhook',
  parse: parseWebhookConfig,
  logLevel: (config) => config.LOG_LEVEL,
  facts: (config) => ({ prefix: config.ANNOTATION_PREFIX, policyCheck: config.POLICY_CHECK }),
  start: (config, log) =>
    startWebhook(config, { log, now: Date.now, random: Math.random, monotonicMs: () => performance.now() }),
})

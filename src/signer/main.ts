/** The signer's process: clock and randomness in, exit code out. */
import { randomUUID } from 'node:crypto'
import { host } from '../host.ts'
import { startSigner } from './app.ts'
import { createAuditOutput } from './audit-output.ts'
import { parseSignerConfig } from './config.ts'

await host(process, {
  name: 'signer',
  parse: parseSignerConfig,
  logLevel: (config) => config.logLevel,
  facts: ({ issuer }) => ({ issuer: issuer.url, organization: issuer.organization }),
  start: (config, log) =>
    startSigner(config, {
      now: Date.now,
      random: Math.random,
      randomUUID,
      log,
      writeAudit: createAuditOutput(process.stdout.fd),
    }),
})

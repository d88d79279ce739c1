/** Runs the STS double as a process: its whole configuration in STS_DOUBLE, one JSON line on standard output per call. */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { DEFAULT_SESSION_SECONDS, startSts } from './server.ts'

const AWS_MINIMUM_SESSION_SECONDS = 900
const DEPARTURE = `departs from AWS, whose sessions live ${AWS_MINIMUM_SESSION_SECONDS} s at least, so that SDKs are seen to renew`

const Configuration = z.strictObject({
  providers: z.array(z.strictObject({ issuer: z.string(), clientIds: z.array(z.string()) })),
  roles: z.array(
    z.strictObject({
      arn: z.string(),
      trust: z.strictObject({ issuer: z.string(), aud: z.string(), sub: z.string() }),
    }),
  ),
  /** Paths of PEM files, so that the key stays out of the environment. */
  tls: z.strictObject({ certFile: z.string(), keyFile: z.string() }),
  host: z.string().default('127.0.0.1'),
  sessionSeconds: z.int().positive().default(DEFAULT_SESSION_SECONDS),
})

const { tls, ...account } = Configuration.parse(JSON.parse(process.env['STS_DOUBLE'] ?? '{}'))
const [cert, key] = await Promise.all([readFile(tls.certFile, 'utf8'), readFile(tls.keyFile, 'utf8')])
const sts = await startSts({ ...account, tls: { cert, key }, now: Date.now, onEvent: print })
print({
  event: 'listening',
  port: sts.port,
  url: sts.url,
  sessionSeconds: account.sessionSeconds,
  ...(account.sessionSeconds < AWS_MINIMUM_SESSION_SECONDS && { note: DEPARTURE }),
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void sts.stop())

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

/** Runs the gateway as a process: its configuration in GATEWAY, files by their paths; one JSON line when it listens. */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { startGateway } from './gateway.ts'

const Configuration = z.strictObject({
  listen: z.strictObject({ host: z.string(), port: z.int() }),
  tls: z.strictObject({ certFile: z.string(), keyFile: z.string() }),
  upstream: z.strictObject({ host: z.string(), port: z.int(), servername: z.string(), caFile: z.string() }),
})

const { listen, tls, upstream } = Configuration.parse(JSON.parse(process.env['GATEWAY'] ?? '{}'))
const read = (path: string) => readFile(path, 'utf8')
const [cert, key, ca] = await Promise.all([tls.certFile, tls.keyFile, upstream.caFile].map(read))
const gateway = await startGateway({
  listen,
  tls: { cert: cert ?? '', key: key ?? '' },
  upstream: { host: upstream.host, port: upstream.port, servername: upstream.servername, ca: ca ?? '' },
})
process.stdout.write(`${JSON.stringify({ event: 'listening', port: gateway.port })}\n`)

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void gateway.stop())

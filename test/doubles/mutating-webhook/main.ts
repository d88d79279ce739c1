/** Another party's mutating webhook as a process: its configuration in WEBHOOK; the path says what it changes. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'
import { CHANGES } from './changes.ts'

const Configuration = z.strictObject({
  host: z.string(),
  tls: z.strictObject({ certFile: z.string(), keyFile: z.string() }),
  /** Of what it adds. */
  image: z.string(),
})

const { host, tls, image } = Configuration.parse(JSON.parse(process.env['WEBHOOK'] ?? '{}'))
const [cert, key] = await Promise.all([readFile(tls.certFile, 'utf8'), readFile(tls.keyFile, 'utf8')])

const server = createServer({ cert, key }, async (request, response) => {
  let text = ''
  for await (const chunk of request) text += chunk
  const { request: review } = JSON.parse(text)
  const [path = ''] = (request.url ?? '').slice(1).split('?')
  const patch = JSON.stringify(CHANGES[path]?.(review.object.spec, image) ?? [])
  const answer = {
    uid: review.uid,
    allowed: true,
    patchType: 'JSONPatch',
    patch: Buffer.from(patch).toString('base64'),
  }
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }))
})
server.listen(0, host, () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: `https://${host}:${port}` })}\n`)
})
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => server.close())

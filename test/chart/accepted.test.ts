/** A real API server takes every object that the chart renders, field by field. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiServer, startApiServer } from './api-server.ts'
import { NAMESPACE, render } from './helm.ts'
import { VARIANTS } from './variants.ts'

let server: ApiServer

/** Kinds of other projects, which a bare API server does not know. */
const FOREIGN = /^(monitoring\.coreos\.com|cert-manager\.io|gateway\.networking\.k8s\.io)\//

beforeAll(async () => {
  server = await startApiServer()
  await server.kubectl(['create', 'namespace', NAMESPACE])
})
afterAll(() => server.stop())

const STRICT = ['--server-side', '--dry-run=server', '--validate=strict', '--filename', '-']

test.each(Object.entries(VARIANTS))('every object is valid to the last field: %s', async (_name, values) => {
  const items = (await render(values))
    .map(({ manifest }) => manifest)
    .filter(({ apiVersion }) => !FOREIGN.test(apiVersion))
  const answer = await server.kubectl(['apply', ...STRICT], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  expect(answer.trim().split('\n')).toHaveLength(items.length)
})

test('a field that does not exist would be noticed', async () => {
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'x' }, spec: { ports: [{ prot: 1 }] } }
  await expect(server.kubectl(['apply', ...STRICT], JSON.stringify(service))).rejects.toThrow('prot')
})

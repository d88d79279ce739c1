/** The sidecar's health and metrics endpoints. */
import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { type Ops, startOps } from '../../src/sidecar/ops.ts'

interface Running {
  base: string
  ops: Ops
  state: { reason: string | undefined }
}

async function running(): Promise<Running> {
  const state: { reason: string | undefined } = { reason: undefined }
  const pages = { unready: () => state.reason, metrics: () => 'metrics 1\n' }
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const ops = startOps({ host: '127.0.0.1', port: 0 }, pages, (_level, _msg, facts) => resolve(facts?.port))
  return { base: `http://127.0.0.1:${await promise}`, ops, state }
}

test('the pages show what they are given, at the time they are asked', async () => {
  const { base, ops, state } = await running()
  try {
    const get = async (path: string, init?: RequestInit) => {
      const response = await fetch(base + path, init)
      return [response.status, await response.text(), response.headers.get('content-type')]
    }
    const plain = 'text/plain; charset=utf-8'
    expect(await get('/livez')).toEqual([200, 'ok\n', plain])
    expect(await get('/readyz?verbose')).toEqual([200, 'ok\n', plain])
    state.reason = 'token default is not there yet'
    expect(await get('/readyz')).toEqual([503, 'token default is not there yet\n', plain])
    expect(await get('/livez')).toEqual([200, 'ok\n', plain])
    expect(await get('/metrics')).toEqual([200, 'metrics 1\n', 'text/plain; version=0.0.4; charset=utf-8'])
    expect(await get('/metrics', { method: 'HEAD' })).toEqual([200, '', expect.stringMatching(/^text/)])
    expect(await get('/livez', { method: 'POST' })).toEqual([405, 'only GET and HEAD\n', plain])
    expect(await get('/tokens')).toEqual([404, 'there are /livez, /readyz and /metrics\n', plain])
  } finally {
    ops.close()
  }
})

test('a port that is taken is told and nothing more', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  const { promise, resolve } = Promise.withResolvers<unknown[]>()
  const pages = { unready: () => undefined, metrics: () => '' }
  const ops = startOps({ host: '127.0.0.1', port }, pages, (...line) => resolve(line))
  expect(await promise).toEqual(['warn', expect.stringContaining(String(port)), { code: 'EADDRINUSE' }])
  expect(() => ops.close()).not.toThrow()
  other.close()
})

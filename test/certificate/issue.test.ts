/** The certificates that we make are good for TLS and for nothing else. */
import { X509Certificate } from 'node:crypto'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createAuthority, issueLeaf } from '../../src/certificate/issue.ts'

const now = new Date()
const authority = await createAuthority('test root', now)

test('a leaf serves TLS under its names to a client that trusts the root', async () => {
  const leaf = await issueLeaf(authority, { dns: ['signer.test'], ip: ['127.0.0.1'] }, now)
  const server = createServer({ cert: leaf.certificate, key: leaf.privateKey }, (_request, response) =>
    response.end('ok'),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo

  const get = (options: object) =>
    new Promise<number>((resolve, reject) => {
      request({ host: '127.0.0.1', port, agent: false, ...options }, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
        .on('error', reject)
        .end()
    })
  expect(await get({ ca: authority.certificate })).toBe(200)
  expect(await get({ ca: authority.certificate, servername: 'signer.test' })).toBe(200)
  await expect(get({ ca: authority.certificate, servername: 'other.test' })).rejects.toThrow(/altnames/)
  await expect(get({})).rejects.toThrow(/certificate/)
})

test('a root lives ten years and signs, a leaf lives thirty days and does not', async () => {
  const leaf = new X509Certificate((await issueLeaf(authority, { dns: ['a.test'] }, now)).certificate)
  const root = new X509Certificate(authority.certificate)
  const days = (certificate: X509Certificate) =>
    Math.round((certificate.validToDate.getTime() - now.getTime()) / 86_400_000)
  expect([root.ca, days(root)]).toEqual([true, 3650])
  expect([leaf.ca, days(leaf)]).toEqual([false, 30])
  expect(leaf.checkIssued(root)).toBe(true)
  expect(leaf.verify(root.publicKey)).toBe(true)
})

test('a leaf never outlives its root', async () => {
  const old = await createAuthority('old root', now, 10)
  const leaf = new X509Certificate((await issueLeaf(old, { dns: ['a.test'] }, now)).certificate)
  expect(leaf.validTo).toBe(new X509Certificate(old.certificate).validTo)
})

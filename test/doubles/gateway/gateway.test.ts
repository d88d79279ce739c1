/** The gateway shows what its upstream answers, by its own certificate, and believes no other upstream. */
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createAuthority, issueLeaf, type KeyedCertificate } from '../../../src/certificate/issue.ts'
import { startGateway } from './gateway.ts'

const NAME = 'issuer.token-projector.test'
const UPSTREAM = 'signer-public.identity.svc'
const stops: (() => unknown)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function upstream(authority: KeyedCertificate): Promise<number> {
  const { certificate, privateKey } = await issueLeaf(authority, { dns: [UPSTREAM] }, new Date())
  const server = createServer({ cert: certificate, key: privateKey }, ({ method, url }, response) => {
    response.setHeader('cache-control', 'public').end(`${method} ${url}`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(() => server.close())
  return (server.address() as AddressInfo).port
}

async function gateway(trusted: KeyedCertificate, serving: KeyedCertificate) {
  const front = await createAuthority('front', new Date())
  const { certificate, privateKey } = await issueLeaf(front, { dns: [NAME] }, new Date())
  const started = await startGateway({
    listen: { host: '127.0.0.1', port: 0 },
    tls: { cert: certificate, key: privateKey },
    upstream: { host: '127.0.0.1', port: await upstream(serving), servername: UPSTREAM, ca: trusted.certificate },
  })
  stops.push(started.stop)
  return { port: started.port, ca: front.certificate }
}

function ask({ port, ca }: { port: number; ca: string }, method = 'GET') {
  return new Promise<{ status: number | undefined; text: string; cached: string | undefined }>((resolve, reject) => {
    const options = { host: '127.0.0.1', port, ca, servername: NAME, method, path: '/acme/keys', agent: false }
    request(options, async (response) => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve({ status: response.statusCode, text, cached: response.headers['cache-control'] })
    })
      .on('error', reject)
      .end()
  })
}

test('it shows what its upstream answers', async () => {
  const authority = await createAuthority('signer', new Date())
  const front = await gateway(authority, authority)
  expect(await ask(front)).toEqual({ status: 200, text: 'GET /acme/keys', cached: 'public' })
})

test('it lets nobody write', async () => {
  const authority = await createAuthority('signer', new Date())
  expect(await ask(await gateway(authority, authority), 'POST')).toMatchObject({ status: 405 })
})

test('an upstream that another authority vouches for is a bad gateway', async () => {
  const front = await gateway(await createAuthority('signer', new Date()), await createAuthority('else', new Date()))
  expect(await ask(front)).toMatchObject({ status: 502 })
})

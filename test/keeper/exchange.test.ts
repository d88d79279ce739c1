/** The exchange over real TLS on the loopback interface, with everything that can go wrong there. */
import { createServer, type Socket } from 'node:net'
import { afterAll, afterEach, expect, test } from 'vitest'
import { createAuthority, issueLeaf } from '../../src/certificate/issue.ts'
import { createExchange, type ExchangeOptions } from '../../src/keeper/exchange.ts'
import { networkFailure } from '../../src/keeper/network-error.ts'
import { authority, refusal, startFakeSigner, yes } from './fake-signer.ts'

const signer = await startFakeSigner()
const never = new AbortController().signal
const ask = { audience: 'vault', ttlSeconds: 3600 }
const identity = 'eyJidentity.eyJidentity.identity'

afterEach(() => {
  signer.answer = (asked) => yes(asked)
  signer.asked.length = 0
})
afterAll(() => signer.close())

function exchange(address: { url?: string; caBundle?: string } = {}, options: ExchangeOptions = {}) {
  const { url = signer.url, caBundle = signer.caBundle } = address
  return createExchange({ url, caBundle }, options)(ask, identity, never)
}

test('a token is asked for and brought back', async () => {
  expect(await exchange()).toMatchObject({ expiresInSeconds: 3600, generation: 1, jti: expect.stringMatching(/^jti-/) })
  const [asked] = signer.asked
  expect([asked?.method, asked?.path]).toEqual(['POST', '/token'])
  expect(asked?.headers).toMatchObject({ 'content-type': 'application/x-www-form-urlencoded', connection: 'close' })
  expect(asked?.form.get('subject_token')).toBe(identity)
})

test('a name works like an address', async () => {
  expect(await exchange({ url: `https://localhost:${signer.port}` })).toHaveProperty('token')
})

test('a refusal comes back with its sentence', async () => {
  signer.answer = () => refusal('no AudiencePolicy allows it')
  expect(await exchange()).toMatchObject({
    refused: true,
    message: expect.stringContaining('no AudiencePolicy allows it'),
  })
})

test("another authority's certificate is not trusted, and the request is not sent", async () => {
  const other = await createAuthority('other', new Date())
  const outcome = await exchange({ caBundle: other.certificate })
  expect(outcome).toMatchObject({ failed: 'signer-untrusted', message: expect.stringContaining('signer.caBundle') })
  expect(signer.asked).toEqual([])
})

test('without a bundle the public roots decide', async () => {
  const outcome = await createExchange({ url: signer.url })(ask, identity, never)
  expect(outcome).toMatchObject({ failed: 'signer-untrusted' })
})

test('a certificate for another name is not trusted', async () => {
  const lookup: ExchangeOptions['lookup'] = (_host, _options, callback) =>
    callback(null, [{ address: '127.0.0.1', family: 4 }])
  const outcome = await exchange({ url: `https://other.test:${signer.port}` }, { lookup })
  expect(outcome).toMatchObject({ failed: 'signer-untrusted', message: expect.stringContaining('another name') })
})

test.each([
  ['nonsense in it', '-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n', 'cannot be parsed'],
  ['no end', '-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n', 'no certificate'],
])('a bundle with %s is a mistake in the configuration', (_what, caBundle, message) => {
  expect(() => createExchange({ url: signer.url, caBundle })).toThrow(
    expect.objectContaining({ reason: 'configuration-invalid', message: expect.stringContaining(message) }),
  )
})

test('a redirect is not followed', async () => {
  signer.answer = () => ({ status: 307, headers: { location: `${signer.url}/elsewhere` }, body: '' })
  expect(await exchange()).toMatchObject({
    failed: 'signer-answer-unusable',
    message: expect.stringContaining('redirect'),
  })
  expect(signer.asked.length).toBe(1)
})

test('an answer that does not come is given up', async () => {
  signer.answer = () => undefined
  const outcome = await exchange({}, { timeoutMs: 200 })
  expect(outcome).toMatchObject({ failed: 'signer-unreachable', message: expect.stringContaining('within 0.2 s') })
})

test('an answer that drips is given up after the same time', async () => {
  let timer: NodeJS.Timeout | undefined
  signer.answer = (_asked, response) => {
    response.writeHead(200)
    timer = setInterval(() => response.write(' '), 20)
    return undefined
  }
  const outcome = await exchange({}, { timeoutMs: 300 })
  clearInterval(timer)
  expect(outcome).toMatchObject({ failed: 'signer-unreachable', message: expect.stringContaining('timeout') })
})

test('an answer without end is not read to its end', async () => {
  signer.answer = (_asked, response) => {
    response.writeHead(200)
    response.write('x'.repeat(200_000))
    return undefined
  }
  expect(await exchange()).toMatchObject({
    failed: 'signer-answer-unusable',
    message: expect.stringContaining('64 KiB'),
  })
})

test('half an answer is none', async () => {
  signer.answer = (asked, response) => {
    const body = JSON.stringify(yes(asked).body)
    response.writeHead(200, { 'content-length': String(body.length) })
    response.write(body.slice(0, body.length / 2), () => response.destroy())
    return undefined
  }
  expect(await exchange()).toMatchObject({ failed: 'signer-unreachable', message: expect.stringContaining('cut') })
})

test('a connection that is cut before the answer is worth another attempt', async () => {
  signer.answer = (_asked, response) => {
    response.destroy()
    return undefined
  }
  expect(await exchange()).toMatchObject({
    failed: 'signer-unreachable',
    message: expect.stringContaining('ECONNRESET'),
  })
})

test('nobody at the port is said so, with the URL', async () => {
  const gone = await startFakeSigner()
  await gone.close()
  const outcome = await exchange({ url: gone.url })
  expect(outcome).toMatchObject({
    failed: 'signer-unreachable',
    message: `signer ${gone.url}: connection refused: nothing listens there, check that the signer runs and its Service has endpoints (ECONNREFUSED)`,
  })
})

test('a port that speaks no TLS is said so', async () => {
  const plain = createServer((socket: Socket) => socket.resume().end('SSH-2.0-hello\r\n'))
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
  const { port } = plain.address() as { port: number }
  const outcome = await exchange({ url: `https://127.0.0.1:${port}` })
  await new Promise((resolve) => plain.close(resolve))
  expect(outcome).toMatchObject({
    failed: 'signer-unreachable',
    message: expect.stringContaining('does not speak TLS'),
  })
})

test('a name that does not resolve is said so', async () => {
  const lookup: ExchangeOptions['lookup'] = (_host, _options, callback) =>
    callback(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }), [])
  const outcome = await exchange({ url: 'https://signer.missing.test' }, { lookup })
  expect(outcome).toMatchObject({ failed: 'signer-unreachable', message: expect.stringContaining('does not exist') })
})

test('a stop ends a request that is under way', async () => {
  signer.answer = () => undefined
  const stop = new AbortController()
  const outcome = createExchange(signer)(ask, identity, stop.signal)
  stop.abort()
  expect(await outcome).toMatchObject({ failed: 'signer-unreachable', message: expect.stringContaining('stopped') })
})

test('proxy variables change nothing', async () => {
  for (const name of ['HTTPS_PROXY', 'https_proxy', 'NODE_USE_ENV_PROXY']) process.env[name] = 'http://127.0.0.1:1'
  try {
    expect(await exchange()).toHaveProperty('token')
  } finally {
    for (const name of ['HTTPS_PROXY', 'https_proxy', 'NODE_USE_ENV_PROXY']) delete process.env[name]
  }
})

test('an expired certificate of the signer is named with the other possible cause', async () => {
  const ca = await authority()
  const leaf = await issueLeaf(ca, { ip: ['127.0.0.1'] }, new Date(Date.now() - 10 * 86_400_000), 1)
  const { createServer: createTlsServer } = await import('node:https')
  const server = createTlsServer({ cert: leaf.certificate, key: leaf.privateKey })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const outcome = await exchange({ url: `https://127.0.0.1:${port}` })
  await new Promise((resolve) => server.close(resolve))
  expect(outcome).toMatchObject({ failed: 'signer-untrusted', message: expect.stringContaining('clock of this node') })
})

test.each([
  ['ENOTFOUND', 'signer-unreachable'],
  ['EAI_AGAIN', 'signer-unreachable'],
  ['ECONNREFUSED', 'signer-unreachable'],
  ['EHOSTUNREACH', 'signer-unreachable'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'signer-unreachable'],
  ['HPE_INVALID_CONSTANT', 'signer-unreachable'],
  ['EWHATEVER', 'signer-unreachable'],
  [undefined, 'signer-unreachable'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'signer-untrusted'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'signer-untrusted'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'signer-untrusted'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'signer-untrusted'],
  ['CERT_NOT_YET_VALID', 'signer-untrusted'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'signer-untrusted'],
  ['INVALID_CA', 'signer-untrusted'],
])('%s is %s, worth another attempt, and its message carries the URL and the code', (code, failed) => {
  const failure = networkFailure('https://signer:8443', code)
  expect(failure).toMatchObject({ failed, refused: false })
  expect(failure.message).toMatch(/^signer https:\/\/signer:8443: .+ \(/)
  expect(failure.message).toContain(code ?? 'no code')
})

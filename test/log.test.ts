/** Nothing secret leaves through the log. */
import { generateKeyPairSync } from 'node:crypto'
import { exportJWK, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { createLog } from '../src/log.ts'
import { redact } from '../src/redact.ts'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const token = await new SignJWT({ sub: 'acme:payments:checkout' }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey)
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const jwk = await exportJWK(privateKey)

test.each([
  ['a token', token, token],
  ['a token within a sentence', `could not use ${token}, sorry`, token],
  ['a token glued to what stands before it', `token_${token}`, token],
  ['a token without its signature', token.split('.').slice(0, 2).join('.'), token.split('.')[1] as string],
  ['a private key', `key: ${pem}!`, pem.split('\n')[1] as string],
  ['a private key cut short', pem.slice(0, 80), pem.slice(40, 80)],
  ['a private key within JSON', JSON.stringify({ pem }), pem.split('\n')[1] as string],
  ['a private JWK', JSON.stringify(jwk), jwk.d as string],
  ['a private JWK within JSON within JSON', JSON.stringify(JSON.stringify(jwk)), jwk.d as string],
])('%s is dropped', (_name, text, secret) => {
  expect(text).toContain(secret)
  expect(redact(text)).not.toContain(secret)
  expect(redact(text)).toContain('[redacted')
})

test.each([
  'a sentence without secrets',
  'system:serviceaccount:payments:checkout',
  '{"kid":"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs","jti":"0b9d7c1e-6f2f-4b21-9a51-6a3f7f4b6a11"}',
  '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
])('%s stays as it is', (text) => {
  expect(redact(text)).toBe(text)
})

test('a key that is cut short within JSON leaves the line JSON', () => {
  const line = JSON.stringify({
    aud: '-----BEGIN PRIVATE KEY-----',
    note: 'says "-----BEGIN PRIVATE KEY-----" and more',
    sub: 'acme',
  })
  expect(JSON.parse(redact(line))).toEqual({ aud: '[redacted key]', note: 'says "[redacted key]', sub: 'acme' })
})

test('every way of logging a secret goes through the filter and each line stays JSON', () => {
  const lines: string[] = []
  const log = createLog('trace', 'signer', (line) => lines.push(line))
  const error = new Error(`verify ${token}`, { cause: new Error(`read ${pem}`) })
  log.trace({ token, nested: { jwk }, err: error }, `message ${token}`)
  log.child({ bound: token }).error(error)

  expect(lines).toHaveLength(2)
  for (const line of lines) {
    for (const secret of [token, pem.split('\n')[1] as string, jwk.d as string]) expect(line).not.toContain(secret)
    expect(JSON.parse(line)).toMatchObject({ process: 'signer', time: expect.stringMatching(/^\d{4}-.*Z$/) })
  }
})

test.each(['eyJ', 'eyJ.', '-----BEGIN PRIVATE KEY-----', '-----BEGIN ', '"d":"'])(
  'a megabyte of %j, which a caller may choose, takes no more than a linear time',
  (part) => {
    const text = part.repeat(Math.ceil((1 << 20) / part.length))
    // Quadratic, this would take minutes, and the runner's own limit would end it.
    expect(redact(text).length).toBeLessThanOrEqual(text.length + 20)
  },
)

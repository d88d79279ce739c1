/** What is seen of a subject token before its signature is checked. */
import { expect, test } from 'vitest'
import { peek } from '../../../src/signer/caller/compact.ts'

const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const token = (header: unknown, payload: unknown) => `${part(header)}.${part(payload)}.c2ln`

test('a compact JWS tells its key and issuer', () => {
  expect(peek(token({ alg: 'RS256', kid: 'k' }, { iss: 'https://c.example' }))).toEqual({
    kid: 'k',
    issuer: 'https://c.example',
  })
})

test.each([
  ['text', 'garbage', 'three base64url parts'],
  ['two parts', 'eyJhIjoxfQ.eyJhIjoxfQ', 'three base64url parts'],
  ['an empty signature', `${part({ kid: 'k' })}.${part({ iss: 'x' })}.`, 'three base64url parts'],
  ['four parts', 'a.b.c.d', 'three base64url parts'],
  ['five parts, an encrypted token', 'a.b.c.d.e', 'three base64url parts'],
  ['a newline at its end', `${token({ kid: 'k' }, { iss: 'x' })}\n`, 'three base64url parts'],
  ['standard base64', 'a+/=.b.c', 'three base64url parts'],
  ['impossible base64url', 'a.b.c', 'JSON objects'],
  ['no JSON', token('{', '{}'), 'JSON objects'],
  ['a list for a header', token([], {}), 'JSON objects'],
  ['null for a payload', token({ kid: 'k' }, null), 'JSON objects'],
  ['bytes that are not UTF-8', `${Buffer.from([0x22, 0xff, 0x22]).toString('base64url')}.e30.c2ln`, 'JSON objects'],
  ['no kid', token({ alg: 'RS256' }, { iss: 'x' }), 'no kid'],
  ['a kid that is a number', token({ kid: 7 }, { iss: 'x' }), 'no kid'],
  ['no issuer', token({ kid: 'k' }, {}), 'no iss'],
])('%s is refused', (_name, text, message) => {
  expect(peek(text)).toEqual({ refused: 'subject-token-malformed', message: expect.stringContaining(message) })
})

/** What the keeper takes for a token. */
import { expect, test } from 'vitest'
import { isCompactJwt, readClaims, TOKEN_BYTES } from '../../src/keeper/jwt.ts'
import { compact, makeToken } from './tokens.ts'

const token = makeToken()

test('a token is read', () => {
  expect(readClaims(token)).toEqual({
    audience: 'vault',
    issuedAt: 1_800_000_000,
    expiresAt: 1_800_003_600,
    id: 'jti-1',
  })
})

test.each([
  ['nothing', ''],
  ['a newline at its end', `${token}\n`],
  ['a blank before it', ` ${token}`],
  ['two parts', token.split('.').slice(0, 2).join('.')],
  ['four parts', `${token}.x`],
  ['an empty signature', token.replace(/[^.]+$/, '')],
  ['a byte beyond ASCII', `${token}é`],
  ['padding', `${token}=`],
  ['more than 16 KiB', `${token}${'a'.repeat(TOKEN_BYTES)}`],
])('a text with %s is no compact JWT', (_what, text) => {
  expect(isCompactJwt(text)).toBe(false)
  expect(readClaims(text)).toBeUndefined()
})

const good = { aud: 'vault', iat: 1, exp: 2 }
test.each([
  ['two audiences', { ...good, aud: ['vault', 'aws'] }],
  ['an audience in a list', { ...good, aud: ['vault'] }],
  ['no audience', { iat: 1, exp: 2 }],
  ['no iat', { aud: 'vault', exp: 2 }],
  ['a fraction as exp', { ...good, exp: 2.5 }],
  ['a text as exp', { ...good, exp: '2' }],
  ['an exp that is not after iat', { ...good, exp: 1 }],
  ['a payload that is no object', 'text'],
])('a token with %s is not read', (_what, payload) => {
  expect(readClaims(compact({ alg: 'EdDSA' }, payload))).toBeUndefined()
})

test('a header that is not JSON is not read', () => {
  expect(readClaims(token.replace(/^[^.]+/, 'abc'))).toBeUndefined()
})

test.each([['a line\nbreak'], [42], ['x'.repeat(129)]])('a jti that is unfit for a log line is left out: %j', (jti) => {
  expect(readClaims(makeToken({ jti }))?.id).toBeUndefined()
})

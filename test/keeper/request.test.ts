/** What the keeper asks the signer. */
import { expect, test } from 'vitest'
import { exchangeRequest } from '../../src/keeper/request.ts'

const ask = { audience: 'https://vault.example/?a=b&c', ttlSeconds: 3600 }

test('the form has every parameter of the contract once', () => {
  const { body, headers } = exchangeRequest('https://signer:8443', ask, 'a.b.c')
  expect([...new URLSearchParams(body)]).toEqual([
    ['grant_type', 'urn:ietf:params:oauth:grant-type:token-exchange'],
    ['subject_token', 'a.b.c'],
    ['subject_token_type', 'urn:ietf:params:oauth:token-type:jwt'],
    ['audience', ask.audience],
    ['requested_token_type', 'urn:ietf:params:oauth:token-type:jwt'],
    ['ttl_seconds', '3600'],
  ])
  expect(headers['content-length']).toBe(String(Buffer.byteLength(body)))
})

test.each([
  ['https://signer:8443', 'https://signer:8443/token'],
  ['https://signer:8443/', 'https://signer:8443/token'],
  ['https://signer/base', 'https://signer/base/token'],
])('the signer at %s is asked at %s', (signer, url) => {
  expect(exchangeRequest(signer, ask, 'a.b.c').url.href).toBe(url)
})

test('no URL and no header carries the identity token', () => {
  const { url, headers } = exchangeRequest('https://signer:8443', ask, 'secret.secret.secret')
  expect(url.href + JSON.stringify(headers)).not.toContain('secret')
})

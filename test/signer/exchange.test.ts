/** What a token exchange request may hold. */
import { expect, test } from 'vitest'
import { parseExchange } from '../../src/signer/exchange.ts'

const GOOD = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token: 'a.b.c',
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  audience: 'sts.amazonaws.com',
  requested_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  ttl_seconds: '3600',
}

const { ttl_seconds: _ttl, ...WITHOUT_TTL } = GOOD

test.each([
  ['all parameters', GOOD, 3600],
  ['no lifetime', WITHOUT_TTL, 3600],
  ['the shortest lifetime', { ...GOOD, ttl_seconds: '10' }, 10],
  ['a longer lifetime than any policy allows', { ...GOOD, ttl_seconds: '900000' }, 900_000],
])('a request with %s is read', (_name, form, ttlSeconds) => {
  expect(parseExchange(form)).toEqual({ subjectToken: 'a.b.c', audience: 'sts.amazonaws.com', ttlSeconds })
})

test.each([
  ['no body', undefined, 'malformed-request', 'must be a form'],
  ['a text body', 'x', 'malformed-request', 'must be a form'],
  ['an empty form', {}, 'malformed-request', 'grant_type is missing'],
  ['another grant', { ...GOOD, grant_type: 'password' }, 'unsupported-grant-type', 'grant_type must be urn:'],
  ['another subject type', { ...GOOD, subject_token_type: 'x' }, 'malformed-request', 'subject_token_type must be'],
  ['another result', { ...GOOD, requested_token_type: 'x' }, 'malformed-request', 'requested_token_type must be'],
  ['an actor', { ...GOOD, actor_token: 'x' }, 'malformed-request', 'actor_token is not known'],
  ['a resource', { ...GOOD, resource: 'https://x' }, 'malformed-request', 'resource is not known'],
  ['a scope', { ...GOOD, scope: 'x' }, 'malformed-request', 'scope is not known'],
  ['__proto__', JSON.parse('{"__proto__":"x"}'), 'malformed-request', '__proto__ is not known'],
  ['an odd name', { ...GOOD, '<script>': 'x' }, 'malformed-request', 'the parameter is not known'],
  ['two audiences', { ...GOOD, audience: ['a', 'b'] }, 'malformed-request', 'audience must be given once'],
  ['a repeated token', { ...GOOD, subject_token: ['a', 'a'] }, 'malformed-request', 'subject_token must be given once'],
  ['an empty token', { ...GOOD, subject_token: '' }, 'malformed-request', 'subject_token is missing'],
  ['a huge token', { ...GOOD, subject_token: 'a'.repeat(16_385) }, 'malformed-request', 'at most 16384 bytes'],
  ['no audience', { ...GOOD, audience: '' }, 'malformed-request', 'audience must be 1 to 255'],
  ['a long audience', { ...GOOD, audience: 'a'.repeat(256) }, 'malformed-request', 'audience must be 1 to 255'],
  ['a space in the audience', { ...GOOD, audience: 'a b' }, 'malformed-request', 'visible ASCII'],
  ['a newline after the audience', { ...GOOD, audience: 'a\n' }, 'malformed-request', 'visible ASCII'],
  [
    '9 seconds',
    { ...GOOD, ttl_seconds: '9' },
    'malformed-request',
    'ttl_seconds must be a whole number of seconds, 10 or more',
  ],
  ['half seconds', { ...GOOD, ttl_seconds: '10.5' }, 'malformed-request', 'ttl_seconds must be'],
  ['an exponent', { ...GOOD, ttl_seconds: '1e3' }, 'malformed-request', 'ttl_seconds must be'],
  ['an empty lifetime', { ...GOOD, ttl_seconds: '' }, 'malformed-request', 'ttl_seconds must be'],
  ['a negative lifetime', { ...GOOD, ttl_seconds: '-60' }, 'malformed-request', 'ttl_seconds must be'],
])('%s is refused', (_name, form, refused, message) => {
  expect(parseExchange(form)).toEqual({ refused, message: expect.stringContaining(message) })
})

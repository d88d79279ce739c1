/** How the signer's answers are judged. */
import { expect, test } from 'vitest'
import { judgeAnswer } from '../../src/keeper/response.ts'
import { answerBody } from './fake-signer.ts'
import { compact, makeToken } from './tokens.ts'

const URL = 'https://signer:8443'
const token = makeToken({ jti: 'jti-7' })

function judge(status: number, body: unknown, headers: Record<string, string | string[]> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return judgeAnswer(URL, 'vault', { status, headers, body: text })
}

test('a good answer is a token', () => {
  expect(judge(200, answerBody(token), { 'token-projector-generation': '12' })).toEqual({
    token,
    jti: 'jti-7',
    expiresAt: 1_800_003_600,
    expiresInSeconds: 3600,
    generation: 12,
  })
})

test.each([[undefined], ['-1'], ['1.5'], ['x'], ['9'.repeat(20)]])('a generation of %j is none', (generation) => {
  const headers = generation === undefined ? {} : { 'token-projector-generation': generation }
  expect(judge(200, answerBody(token), headers)).toMatchObject({ token, generation: undefined })
})

test('a life that is a little off is rounding', () => {
  expect(judge(200, answerBody(token, 3590))).toMatchObject({ token, expiresInSeconds: 3590 })
})

test.each([
  ['no JSON', 'hello', 'JSON object'],
  ['a list', [answerBody(token)], 'JSON object'],
  ['half an answer', JSON.stringify(answerBody(token)).slice(0, 100), 'JSON object'],
  ['another token type', { ...answerBody(token), issued_token_type: 'urn:other' }, 'issued_token_type'],
  ['no token', { ...answerBody(token), access_token: undefined }, 'compact JWT'],
  ['a token with a newline', answerBody(`${token}\n`), 'compact JWT'],
  ['half a token', answerBody(token.slice(0, 60)), 'compact JWT'],
  ['a token of 17 KiB', answerBody(makeToken({ extra: { pad: 'x'.repeat(17_000) } })), 'compact JWT'],
  ['a token without exp', answerBody(compact({}, { aud: 'vault', iat: 1 })), 'compact JWT'],
  ['a token for another audience', answerBody(makeToken({ audience: 'aws' })), 'aud'],
  ['a token for two audiences', answerBody(makeToken({ audience: ['vault', 'aws'] })), 'compact JWT'],
  ['no expires_in', { ...answerBody(token), expires_in: undefined }, 'expires_in'],
  ['an expires_in of zero', answerBody(token, 0), 'expires_in'],
  ['an expires_in with a fraction', answerBody(token, 3600.5), 'expires_in'],
  ['an expires_in as text', answerBody(token, '3600'), 'expires_in'],
  ['an expires_in that contradicts the token', answerBody(token, 7200), 'expires_in'],
])('a 200 with %s is unusable, worth another attempt, and never written', (_what, body, word) => {
  const outcome = judge(200, body)
  expect(outcome).toMatchObject({ failed: 'signer-answer-unusable', refused: false })
  expect('message' in outcome && outcome.message).toContain(word)
})

test.each([[400], [401], [403]])('a %d in the words of RFC 6749 is a refusal, with its description', (status) => {
  const body = { error: 'invalid_target', error_description: 'no AudiencePolicy allows payments/checkout vault' }
  expect(judge(status, body)).toEqual({
    failed: 'signer-refused',
    refused: true,
    message: `signer ${URL} refused: invalid_target: no AudiencePolicy allows payments/checkout vault`,
  })
})

test('a refusal without a description is one', () => {
  expect(judge(400, { error: 'invalid_request' })).toMatchObject({ refused: true })
})

test('a description is one line and fits into a termination message', () => {
  const outcome = judge(400, { error: 'invalid_target', error_description: `a\nb\u001b[2Jc\u2028${'x'.repeat(5000)}` })
  expect('message' in outcome && outcome.message).toMatch(/^signer .{1,1100}$/)
  expect('message' in outcome && outcome.message).toContain('a b [2Jc')
})

test.each([
  ['a 400 from something else', 400, '<html>', 'signer-answer-unusable'],
  ['a 400 whose error is no word', 400, { error: 'oh no' }, 'signer-answer-unusable'],
  ['a 403 from a proxy', 403, 'forbidden', 'signer-answer-unusable'],
  ['a 400 that says later', 400, { error: 'temporarily_unavailable' }, 'signer-answer-unusable'],
  ['a 404', 404, { error: 'not_found' }, 'signer-answer-unusable'],
  ['a redirect', 302, '', 'signer-answer-unusable'],
  ['a 204', 204, '', 'signer-answer-unusable'],
  ['a 429', 429, '', 'signer-unavailable'],
  ['a 500', 500, { error: 'server_error' }, 'signer-unavailable'],
  ['a 502 from a proxy', 502, '<html>', 'signer-unavailable'],
  ['a 503', 503, { error: 'temporarily_unavailable', error_description: 'no valid policy' }, 'signer-unavailable'],
])('%s may pass', (_what, status, body, failed) => {
  expect(judge(status, body)).toMatchObject({ failed, refused: false })
})

test.each([
  ['17', 17_000],
  ['0', 0],
  ['soon', undefined],
  ['-1', undefined],
  ['Wed, 21 Oct 2026 07:28:00 GMT', undefined],
])('Retry-After %s asks for %s ms', (header, retryAfterMs) => {
  const outcome = judge(503, '', { 'retry-after': header })
  expect('retryAfterMs' in outcome ? outcome.retryAfterMs : undefined).toBe(retryAfterMs)
})

test('what a 200 held is in no message', () => {
  const outcome = judge(200, answerBody(makeToken({ audience: 'aws' })))
  expect(JSON.stringify(outcome)).not.toContain('eyJ')
})

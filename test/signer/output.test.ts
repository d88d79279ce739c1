/** The last look at a token before it leaves. */
import { expect, test } from 'vitest'
import { outputProblem } from '../../src/signer/output.ts'

const CLAIMS = { iss: 'https://issuer.example', sub: 'acme:a:b', aud: 'x', iat: 2, nbf: 1, exp: 3, jti: 'j' }
const INTENT = { alg: 'RS256', kid: 'k', claims: CLAIMS, maxTokenBytes: 1000 }
const OUTPUT = {
  token: 't'.repeat(1000),
  header: { alg: 'RS256', typ: 'JWT', kid: 'k' },
  payload: JSON.stringify(CLAIMS),
}

test('exactly what was granted passes, up to the last byte', () => {
  expect(outputProblem(OUTPUT, INTENT)).toBeUndefined()
})

test.each([
  ['another kid', { ...OUTPUT, header: { ...OUTPUT.header, kid: 'x' } }, 'header'],
  ['one more header member', { ...OUTPUT, header: { ...OUTPUT.header, jku: 'https://x' } }, 'header'],
  ['one header member less', { ...OUTPUT, header: { alg: 'RS256', kid: 'k' } }, 'header'],
  ['another claim', { ...OUTPUT, payload: JSON.stringify({ ...CLAIMS, sub: 'acme:a:c' }) }, 'claims'],
  ['one more claim', { ...OUTPUT, payload: JSON.stringify({ ...CLAIMS, admin: true }) }, 'claims'],
])('%s is our own fault', (_name, output, what) => {
  expect(outputProblem(output, INTENT)).toContain(what)
})

test('a token that is too large is refused and its largest claims are named', () => {
  const claims = { ...CLAIMS, pod: 'p'.repeat(50), cluster: 'c'.repeat(40) }
  const output = { ...OUTPUT, token: 't'.repeat(1001), payload: JSON.stringify(claims) }
  expect(outputProblem(output, { ...INTENT, claims })).toEqual({
    refused: 'token-too-large',
    message: expect.stringContaining(
      'the token has 1001 bytes and its issuer allows 1000; the largest claims are pod (52 bytes), cluster (42 bytes), iss (24 bytes)',
    ),
  })
})

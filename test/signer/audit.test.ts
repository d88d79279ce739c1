/** One line for every decision. */
import { expect, test } from 'vitest'
import { auditLine } from '../../src/signer/audit.ts'

const CALLER = {
  cluster: 'prod',
  namespace: 'payments',
  serviceAccount: { name: 'checkout', uid: 'sa-uid' },
  pod: { name: 'checkout-0', uid: 'pod-uid' },
  node: { name: 'node-1' },
  expiresAt: 9,
  credentialId: 'identity-jti',
}
const BASE = { time: '2030-01-01T00:00:00.000Z', requestId: 'r' }

test('a grant tells who got what by which rule', () => {
  const claims = { iss: 'i', sub: 'acme:payments:checkout', aud: 'x', iat: 2, nbf: 1, exp: 3, jti: 'j' }
  const line = auditLine({
    ...BASE,
    decision: 'granted',
    kid: 'k',
    grant: { policy: 'rule', ttlSeconds: 600, claims },
    asked: { audience: 'x', ttlSeconds: 3600 },
    caller: CALLER,
  })
  expect(line.endsWith('}\n')).toBe(true)
  expect(JSON.parse(line)).toEqual({
    audit: true,
    time: '2030-01-01T00:00:00.000Z',
    requestId: 'r',
    decision: 'granted',
    policy: 'rule',
    jti: 'j',
    kid: 'k',
    sub: 'acme:payments:checkout',
    aud: 'x',
    ttlSeconds: 600,
    askedTtlSeconds: 3600,
    cluster: 'prod',
    namespace: 'payments',
    serviceAccount: 'checkout',
    serviceAccountUid: 'sa-uid',
    pod: 'checkout-0',
    podUid: 'pod-uid',
    node: 'node-1',
    credentialId: 'identity-jti',
  })
})

test('a refusal without a caller tells what is known, on one line', () => {
  const line = auditLine({ ...BASE, decision: 'refused', reason: 'malformed-request', message: 'two\nlines' })
  expect(line.trimEnd()).not.toContain('\n')
  expect(JSON.parse(line)).toEqual({
    audit: true,
    ...BASE,
    decision: 'refused',
    reason: 'malformed-request',
    message: 'two\nlines',
  })
})

test('a token that somebody asks for as an audience is not written down', () => {
  const token = `${Buffer.from('{"alg":"x"}').toString('base64url')}.${'p'.repeat(40)}.${'s'.repeat(40)}`
  const line = auditLine({ ...BASE, decision: 'refused', asked: { audience: token, ttlSeconds: 10 } })
  expect(line).not.toContain('ppp')
  expect(JSON.parse(line).aud).toBe('[redacted token]')
})

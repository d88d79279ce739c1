/** GetCallerIdentity of the STS double believes a request only when the session's secret signed exactly it. */
import { createHash, createHmac } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createAuthority, issueLeaf } from '../../../src/certificate/issue.ts'
import { call, FORM, type Reply } from './call.ts'
import { createIssuer, fetchOf } from './issuer.ts'
import { type Sts, type StsEvent, startSts } from './server.ts'

const ISSUER = 'https://issuer.token-projector.test'
const ROLE = 'arn:aws:iam::111122223333:role/checkout'
const SIGNED_IN = 'arn:aws:sts::111122223333:assumed-role/checkout/payments-checkout'
const START = 1_800_000_000
const BODY = 'Action=GetCallerIdentity&Version=2011-06-15'

interface Credentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string
}

let sts: Sts
let ca: string
let credentials: Credentials
let nowSeconds = START
const events: StsEvent[] = []

beforeAll(async () => {
  const issuer = await createIssuer(ISSUER, 'ES256')
  const authority = await createAuthority('STS double', new Date())
  const leaf = await issueLeaf(authority, { ip: ['127.0.0.1'] }, new Date())
  ca = authority.certificate
  const claims = { iss: ISSUER, sub: 'acme:payments:checkout', aud: 'sts.amazonaws.com', iat: START, exp: START + 3600 }
  const trust = { issuer: ISSUER, aud: claims.aud, sub: claims.sub }
  sts = await startSts({
    providers: [{ issuer: ISSUER, clientIds: [claims.aud] }],
    roles: [{ arn: ROLE, trust }],
    tls: { cert: leaf.certificate, key: leaf.privateKey },
    now: () => nowSeconds * 1000,
    fetch: fetchOf(issuer.documents()),
    onEvent: (event) => events.push(event),
  })
  credentials = await assume(await issuer.sign({ ...claims, jti: 'a-token' }))
})
afterAll(() => sts.stop())
beforeEach(() => {
  nowSeconds = START
  events.length = 0
})

async function assume(token: string): Promise<Credentials> {
  const body = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: ROLE,
    RoleSessionName: 'payments-checkout',
    WebIdentityToken: token,
  })
  const reply = await call({ url: sts.url, ca, body: body.toString() })
  return {
    accessKeyId: reply.text('AccessKeyId') ?? '',
    secretAccessKey: reply.text('SecretAccessKey') ?? '',
    sessionToken: reply.text('SessionToken') ?? '',
  }
}

interface Signing extends Credentials {
  body: string
  service: string
  scopeDay?: string
  /** Headers that are sent and signed beside the usual ones. */
  more: Record<string, string>
  /** Headers that are sent and not signed. */
  unsigned: string[]
}

/** Signature Version 4 from AWS's description, so that the double's library is not held against itself. */
function signedHeaders(change: Partial<Signing> = {}): Record<string, string> {
  const signing: Signing = { ...credentials, body: BODY, service: 'sts', more: {}, unsigned: [], ...change }
  const date = new Date(nowSeconds * 1000).toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const headers: Record<string, string> = {
    'content-type': FORM,
    host: new URL(sts.url).host,
    'x-amz-date': date,
    'x-amz-security-token': signing.sessionToken,
    ...signing.more,
  }
  const names = Object.keys(headers)
    .sort()
    .filter((name) => !signing.unsigned.includes(name))
  const canonical = [
    'POST',
    '/',
    '',
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    hash(signing.body),
  ]
  const scope = [signing.scopeDay ?? date.slice(0, 8), 'eu-central-1', signing.service, 'aws4_request']
  const text = ['AWS4-HMAC-SHA256', date, scope.join('/'), hash(canonical.join('\n'))].join('\n')
  const key = scope.reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${signing.secretAccessKey}`)
  const authorization =
    `AWS4-HMAC-SHA256 Credential=${signing.accessKeyId}/${scope.join('/')}, ` +
    `SignedHeaders=${names.join(';')}, Signature=${hmac(key, text).toString('hex')}`
  return { ...headers, authorization }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function ask(headers: Record<string, string>, body = BODY): Promise<Reply> {
  return call({ url: sts.url, ca, body, headers })
}

test('a session that signs a request is told its ARN, account and id', async () => {
  const reply = await ask(signedHeaders())
  expect(reply.status).toBe(200)
  expect(reply.text('Arn')).toBe(SIGNED_IN)
  expect(reply.text('Account')).toBe('111122223333')
  expect(reply.text('UserId')).toMatch(/^AROA[A-Z2-7]{17}:payments-checkout$/)
})

test('its event names the token that the session was given for, and no secret', async () => {
  await ask(signedHeaders())
  expect(events).toEqual([
    {
      action: 'GetCallerIdentity',
      outcome: 'ok',
      iss: ISSUER,
      sub: 'acme:payments:checkout',
      aud: 'sts.amazonaws.com',
      jti: 'a-token',
      arn: SIGNED_IN,
    },
  ])
})

test.each([
  ['a signed hash of the body', () => signedHeaders({ more: { 'x-amz-content-sha256': hash(BODY) } })],
  ['a signed header that proxies change', () => signedHeaders({ more: { 'user-agent': 'test' } })],
  ['a signed header with spaces inside', () => signedHeaders({ more: { 'x-amz-meta': 'a b' } })],
  ['an unsigned content type', () => signedHeaders({ unsigned: ['content-type'] })],
])('%s does not disturb', async (_name, headers) => {
  expect(await ask(headers())).toMatchObject({ status: 200 })
})

const MISMATCH = [403, 'SignatureDoesNotMatch'] as const
const CLIENT = [403, 'InvalidClientTokenId', 'token included in the request is invalid'] as const
const INCOMPLETE = [400, 'IncompleteSignature', 'Signature Version 4'] as const
const hashed = (body: string) => ({ body, more: { 'x-amz-content-sha256': hash(body) } })

test.each([
  ['another secret', () => signedHeaders({ secretAccessKey: 'a'.repeat(40) }), ...MISMATCH, 'we calculated'],
  ['another body', () => signedHeaders({ body: 'Action=Other' }), ...MISMATCH, 'we calculated'],
  ['another header', () => ({ ...signedHeaders(), 'content-type': `${FORM};a=b` }), ...MISMATCH, 'we calculated'],
  ['another service', () => signedHeaders({ service: 's3' }), ...MISMATCH, "correct service: 'sts'"],
  ['another day in the scope', () => signedHeaders({ scopeDay: '20010101' }), ...MISMATCH, 'Credential scope'],
  ['an unsigned host', () => signedHeaders({ unsigned: ['host'] }), ...MISMATCH, 'host must be signed'],
  ['an unsigned date', () => signedHeaders({ unsigned: ['x-amz-date'] }), ...MISMATCH, 'x-amz-date must be signed'],
  [
    'an unsigned session token',
    () => signedHeaders({ unsigned: ['x-amz-security-token'] }),
    ...MISMATCH,
    'x-amz-security-token must be signed',
  ],
  ['a signed hash of another body', () => signedHeaders(hashed('other')), ...MISMATCH, 'Sha256 does not match'],
  ['an unknown key id', () => signedHeaders({ accessKeyId: 'ASIAAAAAAAAAAAAAAAAA' }), ...CLIENT],
  ['the wrong session token', () => signedHeaders({ sessionToken: 'abcd' }), ...CLIENT],
  ['no session token', () => without(signedHeaders(), 'x-amz-security-token'), ...CLIENT],
  ['no signature', () => ({ 'content-type': FORM }), 403, 'MissingAuthenticationToken', 'missing Authentication Token'],
  ['another scheme', () => ({ ...signedHeaders(), authorization: 'Bearer abcd' }), ...INCOMPLETE],
  ['no date', () => without(signedHeaders(), 'x-amz-date'), ...INCOMPLETE],
  ['a date that is none', () => ({ ...signedHeaders(), 'x-amz-date': '20269999T000000Z' }), ...INCOMPLETE],
])('%s is refused', async (_name, headers, status, code, word) => {
  const reply = await ask(headers())
  expect({ status: reply.status, code: reply.text('Code') }).toEqual({ status, code })
  expect(reply.text('Message')).toContain(word)
  expect(events).toEqual([expect.objectContaining({ action: 'GetCallerIdentity', outcome: code })])
})

function without(headers: Record<string, string>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name))
}

test.each([
  ['900 s old', 900, 200],
  ['901 s old', 901, 403],
  ['901 s ahead', -901, 403],
])('a signature that is %s is answered %i', async (_name, ageSeconds, status) => {
  // The session must outlive the signature's age, so the clock goes back before it signs.
  nowSeconds = START - ageSeconds
  const headers = signedHeaders()
  nowSeconds = START
  expect(await ask(headers)).toMatchObject({ status })
})

test.each([
  ['a second before its end', 239, 200, undefined],
  ['at its end', 240, 403, 'ExpiredToken'],
])('a session %s is answered %i', async (_name, afterSeconds, status, code) => {
  nowSeconds = START + afterSeconds
  const reply = await ask(signedHeaders())
  expect({ status: reply.status, code: reply.text('Code') }).toEqual({ status, code })
})

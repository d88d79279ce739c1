/** AssumeRoleWithWebIdentity of the STS double: what AWS accepts, and one row for every way to its errors. */
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createAuthority, issueLeaf } from '../../../src/certificate/issue.ts'
import { call, type Reply } from './call.ts'
import { createIssuer, type Documents, fetchOf, type TestIssuer } from './issuer.ts'
import { type Sts, type StsEvent, startSts } from './server.ts'

const ISSUER = 'https://issuer.token-projector.test'
const DISCOVERY = `${ISSUER}/.well-known/openid-configuration`
const JWKS = `${ISSUER}/.well-known/jwks.json`
const AUDIENCE = 'sts.amazonaws.com'
const SUBJECT = 'acme:payments:checkout'
const ROLE = 'arn:aws:iam::111122223333:role/service/checkout'
const SHORT_ROLE = 'arn:aws:iam::111122223333:role/short'
const SHORT_SUBJECT = 'a'.repeat(6)
const LONG_ROLE = 'arn:aws:iam::111122223333:role/long'
const LONG_SUBJECT = 'a'.repeat(255)
const NOW = 1_800_000_000

let issuer: TestIssuer
let sts: Sts
let ca: string
let documents: Documents
let reach: (url: string, init: RequestInit) => Promise<Response>
const events: StsEvent[] = []

beforeAll(async () => {
  issuer = await createIssuer(ISSUER)
  const authority = await createAuthority('STS double', new Date())
  const leaf = await issueLeaf(authority, { ip: ['127.0.0.1'] }, new Date())
  ca = authority.certificate
  const trust = { issuer: ISSUER, aud: AUDIENCE, sub: SUBJECT }
  sts = await startSts({
    providers: [{ issuer: ISSUER, clientIds: [AUDIENCE, 'other-client'] }],
    roles: [
      { arn: ROLE, trust },
      { arn: 'arn:aws:iam::111122223333:role/billing', trust: { ...trust, sub: 'acme:payments:billing' } },
      { arn: 'arn:aws:iam::111122223333:role/client', trust: { ...trust, aud: 'other-client' } },
      { arn: SHORT_ROLE, trust: { ...trust, sub: SHORT_SUBJECT } },
      { arn: LONG_ROLE, trust: { ...trust, sub: LONG_SUBJECT } },
    ],
    tls: { cert: leaf.certificate, key: leaf.privateKey },
    now: () => NOW * 1000,
    fetch: (url, init) => reach(url, init),
    onEvent: (event) => events.push(event),
  })
})
afterAll(() => sts.stop())
beforeEach(() => {
  documents = issuer.documents()
  reach = (url) => fetchOf(documents)(url)
  events.length = 0
})

const CLAIMS = { iss: ISSUER, sub: SUBJECT, aud: AUDIENCE, iat: NOW - 10, exp: NOW + 3600, jti: 'a-token' }

const PARAMETERS = {
  Action: 'AssumeRoleWithWebIdentity',
  Version: '2011-06-15',
  RoleArn: ROLE,
  RoleSessionName: 'payments-checkout',
}

async function assume(token: string, parameters: Record<string, string> = {}): Promise<Reply> {
  const body = new URLSearchParams({ ...PARAMETERS, WebIdentityToken: token, ...parameters }).toString()
  return call({ url: sts.url, ca, body })
}

function expectFault(reply: Reply, status: number, code: string, word: string): void {
  expect({ status: reply.status, code: reply.text('Code') }).toEqual({ status, code })
  expect(reply.text('Message')).toContain(word)
  expect(reply.body).toContain('<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">')
  expect(events).toEqual([expect.objectContaining({ outcome: code })])
}

test('a good token becomes a session of the role', async () => {
  const reply = await assume(await issuer.sign(CLAIMS))
  expect(reply.status).toBe(200)
  const session = sts.sessions().at(-1)
  expect({
    id: reply.text('AccessKeyId'),
    secret: reply.text('SecretAccessKey'),
    token: reply.text('SessionToken'),
    arn: reply.text('Arn'),
  }).toEqual({
    id: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
    secret: session?.secretAccessKey,
    token: session?.sessionToken,
    arn: 'arn:aws:sts::111122223333:assumed-role/checkout/payments-checkout',
  })
  expect(reply.text('SubjectFromWebIdentityToken')).toBe(SUBJECT)
  expect(reply.text('Audience')).toBe(AUDIENCE)
  expect(reply.text('Provider')).toBe(ISSUER)
})

test('a session ends 240 s from now whatever was asked for, as its answer says', async () => {
  const reply = await assume(await issuer.sign(CLAIMS), { DurationSeconds: '900' })
  expect(reply.text('Expiration')).toBe(new Date((NOW + 240) * 1000).toISOString())
})

test('an event names the token and never shows it', async () => {
  const token = await issuer.sign(CLAIMS)
  const reply = await assume(token)
  expect(events).toEqual([
    {
      action: 'AssumeRoleWithWebIdentity',
      outcome: 'ok',
      kid: 'key-1',
      iss: ISSUER,
      sub: SUBJECT,
      aud: AUDIENCE,
      jti: 'a-token',
      arn: reply.text('Arn'),
    },
  ])
})

test.each(['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'])('a token signed with %s is accepted', async (alg) => {
  const other = await createIssuer(ISSUER, alg)
  documents = other.documents()
  expect(await assume(await other.sign(CLAIMS))).toMatchObject({ status: 200 })
})

test.each([
  ['ended 300 s ago', { exp: NOW - 300 }, ROLE],
  ['was issued by a clock 300 s ahead', { iat: NOW + 300 }, ROLE],
  ['has several audiences, one of them registered', { aud: ['unknown', AUDIENCE] }, ROLE],
  ['has a registered azp beside a foreign audience', { aud: 'unknown', azp: AUDIENCE }, ROLE],
  ['has a subject of 6 characters', { sub: SHORT_SUBJECT }, SHORT_ROLE],
  ['has a subject of 255 characters', { sub: LONG_SUBJECT }, LONG_ROLE],
])('a token that %s is accepted', async (_name, claims, RoleArn) => {
  expect(await assume(await issuer.sign({ ...CLAIMS, ...claims }), { RoleArn })).toMatchObject({ status: 200 })
})

const INVALID = [400, 'InvalidIdentityToken'] as const
const REJECTED = [403, 'IDPRejectedClaim'] as const
const EXPIRED = [400, 'ExpiredTokenException'] as const

test.each([
  ['without iss', { iss: undefined }, ...INVALID, 'iss'],
  ['without aud', { aud: undefined }, ...INVALID, 'Missing a required claim: aud'],
  ['without iat', { iat: undefined }, ...INVALID, 'Missing a required claim: iat'],
  ['without sub', { sub: undefined }, ...INVALID, 'Missing a required claim: sub'],
  ['without exp', { exp: undefined }, ...INVALID, 'Missing a required claim: exp'],
  ['with a fractional iat', { iat: NOW - 0.5 }, ...INVALID, 'iat must be an integer'],
  ['with a fractional exp', { exp: NOW + 60.5 }, ...INVALID, 'exp must be an integer'],
  ['with a textual exp', { exp: `${NOW + 60}` }, ...INVALID, 'exp must be an integer'],
  ['with a fractional nbf', { nbf: NOW - 30.5 }, ...INVALID, 'nbf must be an integer'],
  ['with a numeric sub', { sub: 123_456 }, ...INVALID, 'sub must be a string'],
  ['of an issuer that is not registered', { iss: 'https://other.example' }, ...INVALID, 'No OpenIDConnect provider'],
  ['of the issuer with a slash', { iss: `${ISSUER}/` }, ...INVALID, 'No OpenIDConnect provider'],
  ['of the issuer in capitals', { iss: ISSUER.toUpperCase() }, ...INVALID, 'No OpenIDConnect provider'],
  ['for another audience', { aud: 'sts.amazonaws.com.example' }, ...INVALID, 'Incorrect token audience'],
  ['for the audience in capitals', { aud: 'STS.amazonaws.com' }, ...INVALID, 'Incorrect token audience'],
  ['for the audience with a foreign azp', { azp: 'unknown' }, ...INVALID, 'Incorrect token audience'],
  ['with a subject of 5 characters', { sub: 'abcde' }, ...REJECTED, '6 to 255'],
  ['with a subject of 256 characters', { sub: 'a'.repeat(256) }, ...REJECTED, '6 to 255'],
  ['issued 301 s ahead', { iat: NOW + 301 }, ...REJECTED, 'iat lies in the future'],
  ['not valid for another 301 s', { nbf: NOW + 301 }, ...REJECTED, 'nbf lies in the future'],
  ['expired for 301 s', { exp: NOW - 301 }, ...EXPIRED, 'expired'],
])('a token %s is refused', async (_name, claims, status, code, word) => {
  expectFault(await assume(await issuer.sign({ ...CLAIMS, ...claims })), status, code, word)
})

async function signedWith(alg: string, key: CryptoKey | Uint8Array): Promise<string> {
  return new SignJWT(CLAIMS).setProtectedHeader({ alg, kid: 'key-1', typ: 'JWT' }).sign(key)
}

test.each([
  ['is no JWT', async () => 'abcd', 'not a valid JWT'],
  ['is not signed', async () => new UnsecuredJWT(CLAIMS).encode(), 'algorithm'],
  ['is cut short', async () => (await issuer.sign(CLAIMS)).slice(0, -200), 'signature'],
  [
    'is signed by a stranger under our key id',
    async () => signedWith('RS256', await strangersKey('RS256')),
    'signature',
  ],
  ['is signed with PS256', async () => signedWith('PS256', await strangersKey('PS256')), 'algorithm'],
  ['is signed with EdDSA', async () => signedWith('EdDSA', await strangersKey('EdDSA')), 'algorithm'],
  ['is signed with a shared secret', async () => signedWith('HS256', new Uint8Array(32)), 'algorithm'],
  ['names a key that is not published', async () => issuer.sign(CLAIMS, { kid: 'key-2' }), 'verification key'],
])('a token that %s is refused', async (_name, make, word) => {
  expectFault(await assume(await make()), 400, 'InvalidIdentityToken', word)
})

async function strangersKey(alg: string): Promise<CryptoKey> {
  return (await generateKeyPair(alg)).privateKey
}

const changed = (url: string, change: Record<string, unknown>) => () => {
  documents[url] = { ...(documents[url] as object), ...change }
}

test.each([
  ['no discovery document', () => delete documents[DISCOVERY]],
  ['another issuer in discovery', changed(DISCOVERY, { issuer: 'https://other.example' })],
  ['the issuer with a slash in discovery', changed(DISCOVERY, { issuer: `${ISSUER}/` })],
  ['no issuer in discovery', changed(DISCOVERY, { issuer: undefined })],
  ['no jwks_uri', changed(DISCOVERY, { jwks_uri: undefined })],
  ['a jwks_uri over http', changed(DISCOVERY, { jwks_uri: JWKS.replace('https', 'http') })],
  ['no claims_supported', changed(DISCOVERY, { claims_supported: undefined })],
  ['claims_supported without sub', changed(DISCOVERY, { claims_supported: ['aud', 'iat', 'iss'] })],
  ['no response_types_supported', changed(DISCOVERY, { response_types_supported: undefined })],
  ['response types without id_token', changed(DISCOVERY, { response_types_supported: ['code'] })],
  ['no subject_types_supported', changed(DISCOVERY, { subject_types_supported: undefined })],
  ['pairwise subjects only', changed(DISCOVERY, { subject_types_supported: ['pairwise'] })],
  ['no signing algorithms', changed(DISCOVERY, { id_token_signing_alg_values_supported: undefined })],
  ['EdDSA only', changed(DISCOVERY, { id_token_signing_alg_values_supported: ['EdDSA'] })],
  ['no key document', () => delete documents[JWKS]],
  ['a key document without a key', changed(JWKS, { keys: [] })],
])('an issuer with %s is not believed', async (_name, change) => {
  change()
  expectFault(
    await assume(await issuer.sign(CLAIMS)),
    400,
    'InvalidIdentityToken',
    "Couldn't retrieve verification key",
  )
})

test.each([
  ['100 keys of a type', 200, 99, undefined],
  ['101 keys of a type', 400, 100, expect.stringContaining('more than 100 keys')],
])('a token of an issuer with %s is answered %i', async (_name, status, more, message) => {
  const { keys } = documents[JWKS] as { keys: object[] }
  documents[JWKS] = { keys: [...keys, ...Array.from({ length: more }, (_, n) => ({ kty: 'RSA', kid: `k${n}` }))] }
  const reply = await assume(await issuer.sign(CLAIMS))
  expect({ status: reply.status, message: reply.text('Message') }).toEqual({ status, message })
})

test.each([
  ['does not resolve', DISCOVERY, new TypeError('fetch failed')],
  ['takes longer than 5 s', DISCOVERY, new DOMException('timed out', 'TimeoutError')],
  ['serves discovery and not its keys', JWKS, new TypeError('fetch failed')],
])('an issuer that %s is a communication error', async (_name, failing, error) => {
  reach = (url) => (url === failing ? Promise.reject(error) : fetchOf(documents)(url))
  expectFault(await assume(await issuer.sign(CLAIMS)), 400, 'IDPCommunicationError', 'could not be reached')
})

test.each([
  ['another subject', 'arn:aws:iam::111122223333:role/billing'],
  ['another audience', 'arn:aws:iam::111122223333:role/client'],
  ['nothing, for it does not exist', 'arn:aws:iam::111122223333:role/absent'],
])('a role that trusts %s is denied', async (_name, RoleArn) => {
  const reply = await assume(await issuer.sign(CLAIMS), { RoleArn })
  expectFault(reply, 403, 'AccessDenied', 'Not authorized to perform sts:AssumeRoleWithWebIdentity')
})

test.each([
  ['a session name of one character', { RoleSessionName: 'a' }, 'greater than or equal to 2'],
  ['a session name of 65 characters', { RoleSessionName: 'a'.repeat(65) }, 'less than or equal to 64'],
  ['a session name with a colon', { RoleSessionName: 'payments:checkout' }, 'regular expression'],
  ['a role ARN of 19 characters', { RoleArn: 'arn:aws:iam::1:role' }, 'greater than or equal to 20'],
  ['a role ARN that is no role', { RoleArn: 'arn:aws:iam::111122223333:user/checkout' }, 'ARN is invalid'],
  ['a duration of 899 s', { DurationSeconds: '899' }, 'greater than or equal to 900'],
  ['a duration of 43201 s', { DurationSeconds: '43201' }, 'less than or equal to 43200'],
  ['a fractional duration', { DurationSeconds: '900.5' }, 'whole number'],
  ['a token of 3 characters', { WebIdentityToken: 'abc' }, 'greater than or equal to 4'],
  ['a token of 20001 characters', { WebIdentityToken: 'a'.repeat(20_001) }, 'less than or equal to 20000'],
  ['a token with a newline', { WebIdentityToken: 'abcd\n' }, 'regular expression'],
  ['a session policy', { Policy: '{}' }, 'not known to this test double'],
])('%s is a validation error', async (_name, parameters, word) => {
  expectFault(await assume(await issuer.sign(CLAIMS), parameters), 400, 'ValidationError', word)
})

test('every missing parameter is named', async () => {
  const { Action, Version } = PARAMETERS
  const reply = await call({ url: sts.url, ca, body: new URLSearchParams({ Action, Version }).toString() })
  expectFault(reply, 400, 'ValidationError', '3 validation errors detected')
})

test('a repeated parameter is a validation error', async () => {
  const body = new URLSearchParams({ ...PARAMETERS, WebIdentityToken: await issuer.sign(CLAIMS) })
  body.append('RoleArn', ROLE)
  expectFault(await call({ url: sts.url, ca, body: body.toString() }), 400, 'ValidationError', 'repeated')
})

test('no refusal repeats the token', async () => {
  const token = await issuer.sign({ ...CLAIMS, exp: NOW - 3600 })
  const bodies = [
    await assume(token),
    await assume(`${token}\n`),
    await assume(token, { RoleArn: 'arn:aws:iam::111122223333:role/absent' }),
  ].map(({ body }) => body)
  expect(bodies.filter((body) => body.includes(token.slice(-40)))).toEqual([])
  expect(JSON.stringify(events)).not.toContain(token.slice(-40))
})

test.each([
  ['another version', { body: 'Action=GetCallerIdentity&Version=2010-05-08' }],
  ['another action', { body: 'Action=AssumeRole&Version=2011-06-15' }],
  ['no action', { body: '' }],
  ['another path', { body: 'Action=GetCallerIdentity&Version=2011-06-15', path: '/sts' }],
  ['another method', { body: 'Action=GetCallerIdentity&Version=2011-06-15', method: 'PUT' }],
  ['JSON', { body: 'Action=GetCallerIdentity&Version=2011-06-15', headers: { 'content-type': 'application/json' } }],
])('%s is an invalid action', async (_name, request) => {
  expectFault(await call({ url: sts.url, ca, ...request }), 400, 'InvalidAction', '2011-06-15')
})

test('a body over 64 KiB is answered 413', async () => {
  expect(await call({ url: sts.url, ca, body: 'a'.repeat(65_537) })).toMatchObject({ status: 413 })
})

test('an account that IAM would refuse does not start', async () => {
  const account = { providers: [{ issuer: 'http://issuer.example', clientIds: [] }], roles: [] }
  await expect(startSts({ ...account, tls: { cert: '', key: '' }, now: () => 0 })).rejects.toThrow(/https.*client ids/)
})

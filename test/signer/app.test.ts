/** A whole signer over loopback TLS: what it hands out, what it refuses, what it publishes, and what it never tells. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import * as oidc from 'openid-client'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { MintOverrides } from '../doubles/cluster-issuer.ts'
import {
  AUDIENCE,
  askHttps,
  formOf,
  ISSUER,
  POLICY,
  type RunningSigner,
  runSigner,
  runSignerInTest,
} from './running.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

let signer: RunningSigner
beforeAll(async () => {
  signer = await runSigner()
})
afterAll(() => signer.stop())

const discoveryPath = `${new URL(ISSUER).pathname}/.well-known/openid-configuration`
const jwksPath = `${new URL(ISSUER).pathname}/.well-known/jwks.json`
const lastAudit = () => signer.audit().at(-1)

async function granted(form: Record<string, string> = {}): Promise<string> {
  const answer = await signer.exchange({ subject_token: await signer.cluster.mint(), ...form })
  expect(answer.status, answer.body).toBe(200)
  return JSON.parse(answer.body).access_token
}

test('a pod gets a token that verifies by what is published', async () => {
  const answer = await signer.exchange({ subject_token: await signer.cluster.mint(), ttl_seconds: '900' })
  expect(answer.status).toBe(200)
  expect(answer.headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'token-projector-generation': '1',
  })
  const body = JSON.parse(answer.body)
  expect(body).toEqual({
    access_token: expect.any(String),
    issued_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_type: 'N_A',
    expires_in: 900,
  })
  const published = JSON.parse((await signer.ask('public', { path: jwksPath })).body)
  const { payload, protectedHeader } = await jwtVerify(body.access_token, createLocalJWKSet(published), {
    issuer: ISSUER,
    audience: 'sts.amazonaws.com',
    typ: 'JWT',
    algorithms: ['RS256'],
  })
  expect(protectedHeader).toEqual({ alg: 'RS256', kid: published.keys[0].kid, typ: 'JWT' })
  expect(payload).toMatchObject({ sub: 'acme:payments:checkout', aud: 'sts.amazonaws.com', namespace: 'payments' })
  expect(payload.jti).toMatch(UUID)
  const { iat = 0, nbf, exp } = payload
  expect([Number.isInteger(iat), nbf, exp]).toEqual([true, iat - 30, iat + 900])
})

test('every token has its own jti', async () => {
  const tokens = await Promise.all(Array.from({ length: 8 }, () => granted()))
  expect(new Set(tokens.map((token) => decodeJwt(token).jti)).size).toBe(8)
})

test('a well-kept OIDC library discovers the issuer and its keys', async () => {
  const toLoopback = async (url: string) => {
    const { status, headers, body } = await askHttps(signer.ports.public, { path: new URL(url).pathname })
    return new Response(body, { status, headers: { 'content-type': String(headers['content-type']) } })
  }
  const found = await oidc.discovery(new URL(ISSUER), 'a-client', undefined, undefined, {
    [oidc.customFetch]: toLoopback,
  })
  const metadata = found.serverMetadata()
  expect(metadata.issuer).toBe(ISSUER)
  const jwks = (await (await toLoopback(metadata.jwks_uri ?? '')).json()) as JSONWebKeySet
  const { payload } = await jwtVerify(await granted(), createLocalJWKSet(jwks), { issuer: metadata.issuer })
  expect(metadata['claims_supported']).toEqual(expect.arrayContaining(Object.keys(payload)))
})

test('a grant is audited with everything but the token', async () => {
  const subjectToken = await signer.cluster.mint({ pod: 'audited-0', node: 'node-7' })
  const token = await granted({ subject_token: subjectToken })
  const { jti, sub } = decodeJwt(token)
  expect(lastAudit()).toEqual({
    audit: true,
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    requestId: expect.stringMatching(UUID),
    decision: 'granted',
    policy: 'checkout-to-aws',
    jti,
    kid: decodeProtectedHeader(token).kid,
    sub,
    aud: 'sts.amazonaws.com',
    ttlSeconds: 3600,
    askedTtlSeconds: 3600,
    cluster: 'prod',
    namespace: 'payments',
    serviceAccount: 'checkout',
    serviceAccountUid: expect.any(String),
    pod: 'audited-0',
    podUid: expect.any(String),
    node: 'node-7',
    credentialId: decodeJwt(subjectToken).jti,
  })
})

test('a lifetime over what policy allows or the subject token has left is shortened', async () => {
  const long = await signer.exchange({
    subject_token: await signer.cluster.mint({ expiresInSeconds: 7200 }),
    ttl_seconds: '7200',
  })
  expect(JSON.parse(long.body).expires_in).toBe(3600)
  const short = await signer.exchange({ subject_token: await signer.cluster.mint({ expiresInSeconds: 600 }) })
  const { expires_in: expiresIn } = JSON.parse(short.body)
  expect(expiresIn).toBeGreaterThan(500)
  expect(expiresIn).toBeLessThanOrEqual(600)
  const none = await signer.exchange({ subject_token: await signer.cluster.mint({ expiresInSeconds: 5 }) })
  expect([none.status, JSON.parse(none.body).error_description]).toEqual([400, expect.stringContaining('10 s or more')])
})

const WITHOUT_POD = {
  claims: {
    'kubernetes.io': { namespace: 'payments', serviceaccount: { name: 'checkout', uid: 'u' } },
  },
}

test.each([
  [
    'for another audience',
    { audience: 'vault' },
    'subject-token-audience',
    `is for vault and must be for ${AUDIENCE} alone`,
  ],
  [
    'with two audiences',
    { audience: [AUDIENCE, 'vault'] },
    'subject-token-audience',
    `is for ${AUDIENCE} and vault and must be for ${AUDIENCE} alone`,
  ],
  ['that is expired', { expiresInSeconds: -60 }, 'subject-token-expired', 'read it again from its file'],
  ['that is bound to no pod', WITHOUT_POD, 'subject-token-not-pod-bound', 'bound to no pod'],
  [
    'of another cluster',
    { claims: { iss: 'https://evil.example' } },
    'subject-token-untrusted',
    'no cluster in signer.yaml',
  ],
  ['under an unknown key', { header: { kid: 'other' } }, 'subject-token-untrusted', 'publishes no key'],
] as [string, MintOverrides, string, string][])(
  'an identity token %s is refused',
  async (_name, overrides, reason, message) => {
    const answer = await signer.exchange({ subject_token: await signer.cluster.mint(overrides) })
    expect(answer.status).toBe(400)
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'token-projector-generation': '1' })
    expect(JSON.parse(answer.body)).toEqual({
      error: 'invalid_request',
      error_description: expect.stringContaining(message),
    })
    expect(lastAudit()).toMatchObject({ decision: 'refused', reason, aud: 'sts.amazonaws.com' })
    expect(lastAudit()).not.toHaveProperty('pod')
  },
)

test('an audience that policy does not allow is refused with the rule that is missing', async () => {
  const answer = await signer.exchange({ subject_token: await signer.cluster.mint(), audience: 'vault' })
  expect(answer.status).toBe(400)
  expect(JSON.parse(answer.body)).toEqual({
    error: 'invalid_target',
    error_description:
      'no AudiencePolicy allows service account payments/checkout the audience vault; add one with from.namespaces [payments], from.serviceAccounts [checkout], to.audiences [vault]',
  })
  expect(lastAudit()).toMatchObject({
    decision: 'refused',
    reason: 'no-matching-policy',
    pod: expect.any(String),
    aud: 'vault',
  })
})

test.each([
  ['garbage', { subject_token: 'garbage' }, 'invalid_request', 'three base64url parts'],
  ['an oversize token', { subject_token: 'a'.repeat(16_385) }, 'invalid_request', 'at most 16384 bytes'],
  ['no token', {}, 'invalid_request', 'subject_token is missing'],
  ['another grant', { grant_type: 'client_credentials' }, 'unsupported_grant_type', 'grant_type must be'],
  ['a scope', { scope: 'admin' }, 'invalid_request', 'scope is not known'],
  ['an actor', { actor_token: 'x' }, 'invalid_request', 'actor_token is not known'],
  ['9 seconds', { subject_token: 'a.b.c', ttl_seconds: '9' }, 'invalid_request', 'ttl_seconds must be'],
  ['no audience', { subject_token: 'a.b.c', audience: undefined }, 'invalid_request', 'audience must be'],
] as [string, Record<string, string | undefined>, string, string][])(
  'a request with %s is refused',
  async (_name, form, error, message) => {
    const answer = await signer.exchange(form)
    expect([answer.status, JSON.parse(answer.body)]).toEqual([
      400,
      { error, error_description: expect.stringContaining(message) },
    ])
  },
)

test('a repeated parameter is refused by name', async () => {
  const { headers, body } = formOf({ subject_token: await signer.cluster.mint() })
  const answer = await signer.ask('exchange', {
    method: 'POST',
    path: '/token',
    headers,
    body: `${body}&audience=sts.amazonaws.com`,
  })
  expect(answer.status).toBe(400)
  expect(JSON.parse(answer.body).error_description).toBe('the parameter audience must be given once')
})

test.each([
  ['JSON', { 'content-type': 'application/json' }, '{}', 400, 'application/x-www-form-urlencoded'],
  ['plain text', { 'content-type': 'text/plain' }, 'x', 400, 'application/x-www-form-urlencoded'],
  ['multipart', { 'content-type': 'multipart/form-data; boundary=x' }, 'x', 400, 'application/x-www-form-urlencoded'],
  ['no content type', {}, 'x', 400, 'application/x-www-form-urlencoded'],
  ['no body', {}, undefined, 400, 'must be a form'],
  ['an empty form', { 'content-type': 'application/x-www-form-urlencoded' }, '', 400, ''],
  [
    'a body over 64 KiB',
    { 'content-type': 'application/x-www-form-urlencoded' },
    `a=${'b'.repeat(65_536)}`,
    413,
    '65536 bytes',
  ],
] as [string, Record<string, string>, string | undefined, number, string][])(
  'a body that is %s is refused',
  async (_name, headers, body, status, message) => {
    const answer = await signer.ask('exchange', {
      method: 'POST',
      path: '/token',
      headers,
      ...(body === undefined ? {} : { body }),
    })
    expect([answer.status, JSON.parse(answer.body)]).toEqual([
      status,
      { error: 'invalid_request', error_description: expect.stringContaining(message) },
    ])
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(lastAudit()).toMatchObject({ decision: 'refused', reason: 'malformed-request' })
  },
)

test.each(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s /token is not allowed', async (method) => {
  const answer = await signer.ask('exchange', { method, path: '/token' })
  expect([answer.status, answer.headers.allow, JSON.parse(answer.body).error]).toEqual([405, 'POST', 'invalid_request'])
})

test('the exchange has nothing else, and publishes nothing', async () => {
  for (const path of ['/', '/token/', jwksPath, discoveryPath]) {
    const answer = await signer.ask('exchange', { path })
    expect([answer.status, JSON.parse(answer.body).error]).toEqual([404, 'invalid_request'])
  }
})

test('the public listener has no exchange', async () => {
  const answer = await signer.ask('public', { method: 'POST', path: '/token', ...formOf({}) })
  expect(answer.status).toBe(404)
})

test.each([
  [discoveryPath, 'application/json'],
  [jwksPath, 'application/jwk-set+json'],
])('%s is served to anyone, cached and revalidated', async (path, contentType) => {
  const full = await signer.ask('public', {
    path,
    headers: { host: 'evil.example', 'x-forwarded-host': 'evil.example' },
  })
  expect(full.status).toBe(200)
  expect(full.headers).toMatchObject({
    'content-type': contentType,
    'cache-control': expect.stringMatching(/^public, max-age=300, stale-while-revalidate=\d+, stale-if-error=\d+$/),
    'access-control-allow-origin': '*',
    'content-length': String(Buffer.byteLength(full.body)),
  })
  expect(full.body).not.toContain('evil')
  expect(full.headers).not.toHaveProperty('set-cookie')
  const etag = String(full.headers.etag)
  expect(etag).toMatch(/^"[A-Za-z0-9_-]{43}"$/)

  const head = await signer.ask('public', { method: 'HEAD', path })
  expect([head.status, head.body, head.headers.etag]).toEqual([200, '', etag])
  expect(head.headers['content-length']).toBe(full.headers['content-length'])

  for (const match of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const again = await signer.ask('public', { path, headers: { 'if-none-match': match } })
    expect([again.status, again.body, again.headers.etag]).toEqual([304, '', etag])
    expect(again.headers['cache-control']).toBe(full.headers['cache-control'])
  }
  const other = await signer.ask('public', { path, headers: { 'if-none-match': '"x"' } })
  expect(other.status).toBe(200)

  const preflight = await signer.ask('public', { method: 'OPTIONS', path })
  expect([preflight.status, preflight.headers['access-control-allow-methods']]).toEqual([204, 'GET, HEAD'])
  const post = await signer.ask('public', { method: 'POST', path })
  expect([post.status, post.headers.allow]).toEqual([405, 'GET, HEAD, OPTIONS'])
})

test('no token, key or request is ever logged, audited, counted or answered back', async () => {
  const canary = 'CANARY7CANARY7CANARY7'
  const subject = await signer.cluster.mint()
  const seen = [
    await signer.exchange({ subject_token: `${subject}${canary}` }),
    await signer.exchange({ subject_token: canary }),
    await signer.exchange({ subject_token: `${canary}.${canary}.${canary}` }),
    await signer.exchange({ subject_token: subject, audience: subject.slice(0, 255) }),
    await signer.exchange({ scope: canary }),
    await signer.ask('exchange', {
      method: 'POST',
      path: `/token?x=${canary}`,
      headers: { authorization: canary },
      body: canary,
    }),
    await signer.ask('exchange', { path: `/${canary}` }),
    await signer.ask('public', { path: `/${canary}` }),
    await signer.ops('/metrics'),
  ]
  const token = await granted({ subject_token: subject })
  const told = [...signer.lines, signer.auditText(), ...seen.map(({ body }) => body)].join('\n')
  expect(told).not.toContain(canary)
  for (const secret of [subject, token]) {
    for (const piece of secret.split('.').slice(1)) expect(told).not.toContain(piece.slice(0, 40))
  }
  expect(told).toContain('[redacted token]')
})

test('health and metrics tell how the signer is', async () => {
  await granted()
  expect(await signer.ops('/livez')).toMatchObject({ status: 200 })
  expect(await signer.ops('/readyz')).toMatchObject({ status: 200, body: 'ok\n' })
  const { body } = await signer.ops('/metrics')
  for (const line of [
    /^token_projector_signer_exchanges_total\{outcome="granted",reason="none"\} [1-9]/m,
    /^token_projector_signer_exchanges_total\{outcome="failed",reason="internal"\} 0$/m,
    /^token_projector_signer_exchanges_total\{outcome="failed",reason="policy-unavailable"\} 0$/m,
    /^token_projector_signer_exchange_duration_seconds_count [1-9]/m,
    /^token_projector_signer_sign_duration_seconds_count [1-9]/m,
    /^token_projector_signer_keys\{state="active"\} 1$/m,
    /^token_projector_signer_keys\{state="standby"\} 1$/m,
    /^token_projector_signer_policies 1$/m,
    /^token_projector_signer_policy_problems 0$/m,
    /^token_projector_signer_jwks_fetch_failures_total\{cluster="prod"\} 0$/m,
    /^token_projector_signer_certificate_expiry_timestamp_seconds 1\.\d+e\+09|^token_projector_signer_certificate_expiry_timestamp_seconds \d{10}$/m,
  ]) {
    expect(body).toMatch(line)
  }
  expect(body).not.toMatch(/payments|checkout/)
})

test('a new rule is in force without a restart; without any rule the exchange waits and discovery serves on', async () => {
  const own = await runSignerInTest()
  const file = join(own.folder, 'policy.yaml')
  const ask = async () => own.exchange({ subject_token: await own.cluster.mint(), audience: 'vault' })
  expect((await ask()).status).toBe(400)

  await writeFile(file, POLICY.replace('sts.amazonaws.com', 'vault'))
  await vi.waitFor(async () => expect((await ask()).status).toBe(200), 5000)

  await writeFile(file, `${POLICY.replace('sts.amazonaws.com', 'vault').replace('Allow', 'Perhaps')}`)
  await vi.waitFor(async () => expect((await own.ops('/metrics')).body).toMatch(/policy_problems 1$/m), 5000)
  expect((await ask()).status).toBe(200)

  await writeFile(file, '')
  await vi.waitFor(async () => expect((await own.ops('/metrics')).body).toMatch(/signer_policies 0$/m), 5000)
  const answer = await ask()
  expect(answer.status).toBe(503)
  expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/)
  expect(JSON.parse(answer.body).error).toBe('temporarily_unavailable')
  expect(own.audit().at(-1)).toMatchObject({ decision: 'failed', reason: 'policy-unavailable' })
  expect((await own.ask('public', { path: jwksPath })).status).toBe(200)
  // Unready, the pod would take discovery and JWKS with it.
  expect((await own.ops('/readyz')).status).toBe(200)
})

test('a token that nobody can account for is not handed out', async () => {
  const own = await runSignerInTest({
    deps: {
      writeAudit: () => {
        throw new Error('disk full')
      },
    },
  })
  const answer = await own.exchange({ subject_token: await own.cluster.mint() })
  expect(answer.status).toBe(500)
  expect(JSON.parse(answer.body)).toEqual({
    error: 'server_error',
    error_description: expect.stringMatching(
      /^the signer could not do its job; its log says why, at request [0-9a-f-]{36}$/,
    ),
  })
  expect(own.lines.join()).toContain('disk full')
  expect(answer.body).not.toContain('disk')
})

test('a token that is too large is refused and the largest claims are named', async () => {
  const own = await runSignerInTest({ issuerLines: 'maxTokenBytes: 512' })
  const answer = await own.exchange({ subject_token: await own.cluster.mint() })
  expect([answer.status, JSON.parse(answer.body)]).toEqual([
    400,
    {
      error: 'invalid_target',
      error_description: expect.stringMatching(/its issuer allows 512; the largest claims are iss \(\d+ bytes\), /),
    },
  ])
})

test('an issuer for ES256 signs with P-256', async () => {
  const own = await runSignerInTest({ issuerLines: 'alg: ES256' })
  const { body } = await own.exchange({ subject_token: await own.cluster.mint() })
  const published = JSON.parse((await own.ask('public', { path: jwksPath })).body)
  const token = JSON.parse(body).access_token
  await jwtVerify(token, createLocalJWKSet(published), { issuer: ISSUER, algorithms: ['ES256'] })
  expect(published.keys.map(({ alg }: { alg: string }) => alg)).toEqual(['ES256', 'ES256'])
})

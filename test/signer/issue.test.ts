/** A token that was signed wrongly never leaves. */
import { expect, test } from 'vitest'
import type { AudiencePolicy } from '../../src/policy/document.ts'
import { type IssueDeps, issue } from '../../src/signer/issue.ts'
import { createTokenSigner, type TokenSigner } from '../../src/signer/jws.ts'
import { publicKeys } from '../../src/signer/keyring.ts'
import { testKeyring } from './keys.ts'

const keyring = await testKeyring()
const signer = await createTokenSigner(keyring)
const other = await createTokenSigner(await testKeyring())
const NOW = 1_900_000_000

const policy: AudiencePolicy = {
  name: 'rule',
  effect: 'Allow',
  namespaces: ['payments'],
  serviceAccounts: ['checkout'],
  audiences: ['x'],
  maxTtlSeconds: 3600,
  claims: 'minimal',
}
const caller = {
  cluster: 'prod',
  namespace: 'payments',
  serviceAccount: { name: 'checkout', uid: 'u' },
  pod: { name: 'p', uid: 'u' },
  expiresAt: NOW + 3600,
}
const form = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token: 'a.b.c',
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  requested_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  audience: 'x',
}

function depsWith(change: Partial<TokenSigner>): IssueDeps {
  return {
    issuer: { url: 'https://issuer.example', organization: 'acme', alg: 'ES256', maxTokenBytes: 4096 },
    reserved: new Set(),
    authenticate: async () => caller,
    policies: () => [policy],
    signer: { ...signer, ...change },
    now: () => NOW * 1000,
    randomUUID: () => '00000000-0000-4000-8000-000000000000',
    startSigning: () => () => {},
  }
}

test('a good signature leaves with what was granted', async () => {
  const { result } = await issue(form, depsWith({}))
  expect(result).toMatchObject({
    kid: publicKeys(keyring)[0]?.kid,
    answer: { expires_in: 3600 },
    grant: { policy: 'rule', claims: { iat: NOW, exp: NOW + 3600 } },
  })
})

test.each([
  ['another key than the published one', { sign: other.sign }, "the signature is not the published key's"],
  ['other claims', { sign: () => signer.sign({ sub: 'acme:payments:admin' }) }, 'are not those granted'],
  ['nothing', { sign: async () => '' }, "the signature is not the published key's"],
  ['a key that another one is named for', { kid: 'another' }, 'the header of the signed token'],
])('a token signed with %s is our own fault and stays here', async (_name, change, message) => {
  await expect(issue(form, depsWith(change))).rejects.toMatchObject({
    reason: 'internal',
    message: expect.stringContaining(message),
  })
})

test('a caller who is not believed gets no decision of policy', async () => {
  const refusal = { refused: 'subject-token-untrusted' as const, message: 'no' }
  const deps = depsWith({})
  const outcome = await issue(form, {
    ...deps,
    authenticate: async () => refusal,
    policies: () => expect.fail('policy is asked only for a caller that is known'),
  })
  expect(outcome).toEqual({ result: refusal, asked: { audience: 'x', ttlSeconds: 3600 } })
})

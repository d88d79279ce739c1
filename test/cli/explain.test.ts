/** Shows that `explain` says what the signer would do, before anybody asks it. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseDocument } from 'yaml'
import { type ExplainOptions, explain } from '../../src/cli/explain.ts'
import { folderWith, policyFor } from './launch.ts'

const OPTIONS: Omit<ExplainOptions, 'policyFile'> = {
  issuer: 'https://issuer.example/acme',
  organization: 'acme',
  cluster: 'prod-eu-1',
  namespace: 'payments',
  serviceAccount: 'checkout',
  audience: 'sts.amazonaws.com',
  ttlSeconds: 3600,
  identityAudience: 'https://issuer.example/acme/token',
  output: 'text',
}

async function explained(policy: string, options: Partial<ExplainOptions> = {}) {
  let out = ''
  const folder = folderWith({ 'policy.yaml': policy })
  const outcome = await explain({ ...OPTIONS, policyFile: join(folder, 'policy.yaml'), ...options }, (text) => {
    out += text
  })
  return { ...outcome, out }
}

function policy(changes: Record<string, unknown> = {}): string {
  const document = parseDocument(policyFor('payments', 'checkout', 'sts.amazonaws.com'))
  for (const [key, value] of Object.entries(changes)) document.setIn(['spec', key], value)
  return document.toString()
}

test('a grant names the policy, the exact subject and every claim', async () => {
  const { exitCode, messages, out } = await explained(policy())
  expect([exitCode, messages]).toEqual([0, []])
  expect(out).toMatch(/^granted by AudiencePolicy [a-z-]+: service account payments\/checkout, 3600 s\n/)
  expect(out).toContain('  sub: acme:payments:checkout\n')
  expect(out).toContain('  cluster: prod-eu-1\n')
  expect(out).toContain('  pod: <pod>\n')
})

test('the life is what policy makes of it', async () => {
  expect((await explained(policy({ maxTtlSeconds: 900 }), { ttlSeconds: 7200 })).out).toContain('900 s\n')
})

test('a program reads JSON, without what each token has of its own', async () => {
  const { out } = await explained(policy({ claims: 'minimal' }), { output: 'json' })
  expect(JSON.parse(out)).toEqual({
    policy: expect.any(String),
    ttlSeconds: 3600,
    claims: { iss: OPTIONS.issuer, sub: 'acme:payments:checkout', aud: 'sts.amazonaws.com' },
  })
})

test('a refusal names the rule that is missing, writes nothing and ends with 77', async () => {
  const { exitCode, messages, out } = await explained(policy(), { serviceAccount: 'other' })
  expect([exitCode, out]).toEqual([77, ''])
  expect(messages).toEqual([expect.stringContaining('from.serviceAccounts [other]')])
})

test('the identity audience is given to nobody, whatever a policy says', async () => {
  const { exitCode, messages } = await explained(policy({ to: { audiences: ['*'] } }), {
    audience: OPTIONS.identityAudience,
  })
  expect([exitCode, messages]).toEqual([77, [expect.stringContaining('given to nobody')]])
})

test('a subject that no receiver takes is shown', async () => {
  const serviceAccount = 'a'.repeat(120)
  const changed = policy({ from: { namespaces: ['payments'], serviceAccounts: ['*'] } })
  const { exitCode, messages } = await explained(changed, { serviceAccount })
  expect([exitCode, messages]).toEqual([77, [expect.stringContaining(`acme:payments:${serviceAccount} has 134 bytes`)]])
})

test('a policy file with mistakes is told, a line each', async () => {
  await expect(explained('kind: AudiencePolicy')).rejects.toMatchObject({ reason: 'configuration-invalid' })
})

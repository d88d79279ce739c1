/** What `trust` prints names one service account exactly, in the terms of each receiver. */
import { expect, test } from 'vitest'
import { RECEIVERS } from '../../src/cli/trust/index.ts'
import { hcl, type Values } from '../../src/cli/trust/receiver.ts'
import { type TrustOptions, trust } from '../../src/cli/trust.ts'
import { gcp as gcpProvider } from '../../src/providers/gcp.ts'

const SUBJECT = 'acme:payments:checkout'
const OWN: Record<string, Values> = {
  aws: { account: '111122223333' },
  azure: { credential: 'token-projector' },
  gcp: { 'project-number': '123456789', pool: 'pool-1', provider: 'provider-1' },
  kubernetes: { 'username-prefix': 'token-projector:' },
  vault: { role: 'checkout', mount: 'jwt' },
}
const names = RECEIVERS.map(({ name }) => name)

function printed(name: string, options: Partial<TrustOptions> = {}) {
  const receiver = RECEIVERS.find((each) => each.name === name)
  if (receiver === undefined) throw new Error(`no receiver ${name}`)
  const out: string[] = []
  const said: string[] = []
  const outcome = trust(
    {
      receiver,
      values: OWN[name] ?? {},
      issuer: 'https://issuer.example/acme',
      organization: 'acme',
      namespace: 'payments',
      serviceAccount: 'checkout',
      audience: undefined,
      format: 'json',
      ...options,
    },
    { writeOut: (text) => void out.push(text), say: (line) => void said.push(line) },
  )
  return { ...outcome, out, said, documents: () => out.map((text) => JSON.parse(text)) }
}

test.each(names)('%s is told the exact subject, and no wildcard', (name) => {
  const { exitCode, out, said } = printed(name)
  expect(exitCode).toBe(0)
  expect(out.join('')).toContain(SUBJECT)
  expect(out.join('')).not.toMatch(/\*|StringLike|ForAllValues/)
  expect(said).toHaveLength(out.length)
})

test.each(RECEIVERS.filter(({ terraform }) => terraform !== undefined).map(({ name }) => name))(
  '%s is told the same by Terraform',
  (name) => {
    const [text = ''] = printed(name, { format: 'terraform' }).out
    expect(text).toContain(SUBJECT)
    expect(text).toContain('issuer.example/acme')
    expect(text).not.toMatch(/\*|undefined|StringLike/)
    expect(text.match(/\{$/gm)?.length).toBe(text.match(/^\s*\}$/gm)?.length)
  },
)

test('a role of AWS trusts by subject and audience, under the provider’s own name', () => {
  expect(printed('aws').documents()).toEqual([
    {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Federated: 'arn:aws:iam::111122223333:oidc-provider/issuer.example/acme' },
          Action: 'sts:AssumeRoleWithWebIdentity',
          Condition: {
            StringEquals: { 'issuer.example/acme:aud': 'sts.amazonaws.com', 'issuer.example/acme:sub': SUBJECT },
          },
        },
      ],
    },
  ])
})

test('GCP is told the audience that annotated pods ask for', () => {
  const [provider, binding] = printed('gcp').documents()
  const annotation = 'projects/123456789/locations/global/workloadIdentityPools/pool-1/providers/provider-1'
  const values = { get: (suffix: string) => (suffix === 'gcp-provider' ? annotation : undefined), key: String }
  const asked = gcpProvider.read(values, { podName: undefined, namespace: 'payments', serviceAccount: 'checkout' })
  expect(asked).toMatchObject({ token: { audience: provider.oidc.allowedAudiences[0] } })
  expect(binding.members).toEqual([
    `principal://iam.googleapis.com/projects/123456789/locations/global/workloadIdentityPools/pool-1/subject/${SUBJECT}`,
  ])
})

test('a role of Kubernetes is bound to the name that the API server makes of the subject', () => {
  const [authentication, binding] = printed('kubernetes').documents()
  const { prefix } = authentication.jwt[0].claimMappings.username
  expect(binding.subjects[0].name).toBe(prefix + SUBJECT)
})

test('an audience of one’s own replaces the usual one', () => {
  const [, role] = printed('vault', { audience: 'https://vault.example' }).documents()
  expect(role.bound_audiences).toEqual(['https://vault.example'])
})

test('a subject that receivers do not take is refused with its value, and nothing is written', () => {
  const { exitCode, messages, out } = printed('aws', { serviceAccount: 'a'.repeat(200) })
  expect([exitCode, out]).toEqual([77, []])
  expect(messages).toEqual([expect.stringContaining('has 214 bytes')])
})

test('a string in Terraform’s language begins no template', () => {
  expect(hcl(`a\${b}%{c}"d`)).toBe(`"a$\${b}%%{c}\\"d"`)
})

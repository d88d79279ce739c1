/** Every provider: what its annotations become, and which of them it refuses. */
import { expect, test } from 'vitest'
import { AZURE_MINIMUM_TTL_SECONDS, TOKENS_DIRECTORY } from '../../src/contract.ts'
import { aws } from '../../src/providers/aws.ts'
import { azure } from '../../src/providers/azure.ts'
import { gcp } from '../../src/providers/gcp.ts'
import { PROVIDERS } from '../../src/providers/index.ts'
import type { AnnotationValues, Provider, ProviderFacts, Provision } from '../../src/providers/provider.ts'
import { vault } from '../../src/providers/vault.ts'

const FACTS: ProviderFacts = { podName: 'checkout', namespace: 'payments', serviceAccount: 'checkout' }
const ROLE = 'arn:aws:iam::111122223333:role/checkout'
const RESOURCE = 'projects/123456789012/locations/global/workloadIdentityPools/clusters/providers/prod'
const CLIENT = '11111111-2222-3333-4444-555555555555'
const TENANT = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee'

function valuesOf(annotations: Record<string, string>): AnnotationValues {
  return { get: (suffix) => annotations[suffix], key: (suffix) => `P/${suffix}` }
}

function provision(provider: Provider, annotations: Record<string, string>, facts = FACTS): Provision {
  const result = provider.read(valuesOf(annotations), facts)
  if (Array.isArray(result)) throw new Error(JSON.stringify(result))
  return result
}

function refusals(provider: Provider, annotations: Record<string, string>): [string, string][] {
  const result = provider.read(valuesOf(annotations), FACTS)
  return Array.isArray(result) ? result.map(({ refused, message }) => [refused, message]) : []
}

function variables({ variables }: Provision): Record<string, string> {
  return Object.fromEntries(variables.map((each) => [each.name, 'value' in each ? each.value : `(${each.fieldPath})`]))
}

test('no two providers share a name or an annotation', () => {
  const names = PROVIDERS.map(({ name }) => name)
  const suffixes = PROVIDERS.flatMap(({ annotations }) => annotations.map(({ suffix }) => suffix))
  expect([...new Set(names)]).toEqual(names)
  expect([...new Set(suffixes)]).toEqual(suffixes)
})

test.each(PROVIDERS)(
  '$name: every trigger is one of its annotations, and every annotation begins with its name',
  (provider) => {
    const suffixes = provider.annotations.map(({ suffix }) => suffix)
    expect(suffixes).toEqual(expect.arrayContaining([...provider.triggers]))
    expect(suffixes.filter((suffix) => !suffix.startsWith(`${provider.name}-`))).toEqual([])
  },
)

test('aws gives the three variables of every SDK', () => {
  const { token, files, ...rest } = provision(aws, { 'aws-role-arn': ROLE })
  expect(token).toEqual({ name: 'aws', audience: 'sts.amazonaws.com' })
  expect(files).toEqual([])
  expect(variables({ token, files, ...rest })).toEqual({
    AWS_ROLE_ARN: ROLE,
    AWS_WEB_IDENTITY_TOKEN_FILE: `${TOKENS_DIRECTORY}/aws`,
    AWS_ROLE_SESSION_NAME: '(metadata.name)',
  })
})

test('aws with a region gives three more', () => {
  const seen = variables(provision(aws, { 'aws-role-arn': ROLE, 'aws-region': 'eu-west-1' }))
  expect(seen).toMatchObject({
    AWS_REGION: 'eu-west-1',
    AWS_DEFAULT_REGION: 'eu-west-1',
    AWS_STS_REGIONAL_ENDPOINTS: 'regional',
  })
})

test.each([
  ['a short one is the session name', 'checkout', '(metadata.name)'],
  ['two characters are enough', 'ab', '(metadata.name)'],
  ['64 characters are not too many', 'x'.repeat(64), '(metadata.name)'],
  ['one character is too few', 'a', 'payments.checkout'],
  ['65 characters are too many', 'x'.repeat(65), 'payments.checkout'],
  ['one that the API server generates always fits', undefined, '(metadata.name)'],
])('the name of the pod in aws: %s', (_name, podName, expected) => {
  expect(variables(provision(aws, { 'aws-role-arn': ROLE }, { ...FACTS, podName }))).toMatchObject({
    AWS_ROLE_SESSION_NAME: expected,
  })
})

test('the session name in place of a long pod name is cut to what AWS takes', () => {
  const facts = { podName: 'x'.repeat(65), namespace: 'n'.repeat(63), serviceAccount: 'checkout' }
  const seen = variables(provision(aws, { 'aws-role-arn': ROLE }, facts))
  expect(seen['AWS_ROLE_SESSION_NAME']).toBe(`${'n'.repeat(63)}.`)
})

test.each([
  'arn:aws:iam::111122223333:role/checkout',
  'arn:aws:iam::111122223333:role/teams/payments/checkout',
  'arn:aws-cn:iam::111122223333:role/checkout',
  'arn:aws-us-gov:iam::111122223333:role/checkout',
  'arn:aws-iso-b:iam::111122223333:role/check+out=1,2.3@x_y-z',
  'arn:aws-eusc:iam::111122223333:role/checkout',
])('aws takes the role %s', (role) => {
  expect(refusals(aws, { 'aws-role-arn': role })).toEqual([])
})

test.each([
  'checkout',
  'arn:aws:iam::1111222233:role/checkout',
  'arn:aws:iam::111122223333:user/checkout',
  'arn:aws:iam::111122223333:role/',
  'arn:gcp:iam::111122223333:role/checkout',
  'arn:aws:iam::111122223333:role/$(HOME)/checkout',
  ' arn:aws:iam::111122223333:role/checkout',
  `arn:aws:iam::111122223333:role/${'x'.repeat(65)}`,
])('aws refuses the role %s', (role) => {
  expect(refusals(aws, { 'aws-role-arn': role })).toMatchObject([
    ['bad-annotation-value', expect.stringContaining('P/aws-role-arn')],
  ])
})

test.each(['eu-west-1', 'us-gov-east-1', 'cn-northwest-1', 'us-isob-east-1', 'eusc-de-east-1', 'ap-southeast-7'])(
  'aws takes the region %s',
  (region) => {
    expect(refusals(aws, { 'aws-role-arn': ROLE, 'aws-region': region })).toEqual([])
  },
)

test.each(['', 'europe', 'eu-west', 'EU-WEST-1', 'eu-west-1a', 'eu_west_1'])(
  'aws refuses the region "%s"',
  (region) => {
    expect(refusals(aws, { 'aws-role-arn': ROLE, 'aws-region': region })).toHaveLength(1)
  },
)

test.each(['a', 'x'.repeat(65), 'two words', 'a/b', 'ä-session'])('aws refuses the session name "%s"', (name) => {
  expect(refusals(aws, { 'aws-role-arn': ROLE, 'aws-session-name': name })).toHaveLength(1)
})

test('aws reports every mistake at once', () => {
  const seen = refusals(aws, { 'aws-role-arn': 'x', 'aws-region': 'y', 'aws-session-name': 'z', 'aws-audience': '' })
  expect(seen.map(([, message]) => message.split(' ')[0])).toEqual([
    'P/aws-role-arn',
    'P/aws-region',
    'P/aws-session-name',
    'P/aws-audience',
  ])
})

test.each([RESOURCE, `//iam.googleapis.com/${RESOURCE}`, `https://iam.googleapis.com/${RESOURCE}`])(
  'gcp takes %s and always writes the full resource name',
  (name) => {
    const { token, files } = provision(gcp, { 'gcp-provider': name })
    expect(token).toEqual({ name: 'gcp', audience: `//iam.googleapis.com/${RESOURCE}` })
    expect(JSON.parse(files[0]?.content ?? '')).toEqual({
      type: 'external_account',
      audience: `//iam.googleapis.com/${RESOURCE}`,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: 'https://sts.googleapis.com/v1/token',
      credential_source: { file: `${TOKENS_DIRECTORY}/gcp`, format: { type: 'text' } },
    })
  },
)

test('gcp points the client libraries to its file', () => {
  const seen = provision(gcp, { 'gcp-provider': RESOURCE })
  expect(seen.files.map(({ name }) => name)).toEqual(['gcp.json'])
  expect(variables(seen)).toEqual({ GOOGLE_APPLICATION_CREDENTIALS: `${TOKENS_DIRECTORY}/gcp.json` })
})

test('gcp impersonates a service account', () => {
  const account = 'checkout@shop.iam.gserviceaccount.com'
  const { files } = provision(gcp, { 'gcp-provider': RESOURCE, 'gcp-service-account': account })
  expect(JSON.parse(files[0]?.content ?? '')).toMatchObject({
    service_account_impersonation_url: `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${account}:generateAccessToken`,
  })
})

test("gcp's other audience is the token's, and the file still names the provider", () => {
  const { token, files } = provision(gcp, { 'gcp-provider': RESOURCE, 'gcp-audience': 'https://federation.example' })
  expect(token.audience).toBe('https://federation.example')
  expect(JSON.parse(files[0]?.content ?? '')).toMatchObject({ audience: `//iam.googleapis.com/${RESOURCE}` })
})

test.each([
  '123456789012',
  `http://iam.googleapis.com/${RESOURCE}`,
  `https://evil.example/${RESOURCE}`,
  RESOURCE.replace('global', 'europe-west1'),
  `${RESOURCE}/x`,
])('gcp refuses the provider %s', (name) => {
  expect(refusals(gcp, { 'gcp-provider': name })).toMatchObject([['bad-annotation-value', expect.any(String)]])
})

test.each(['checkout', 'checkout@shop.example', 'checkout@gserviceaccount.com', 'a/b@shop.iam.gserviceaccount.com'])(
  'gcp refuses the service account %s',
  (account) => {
    expect(refusals(gcp, { 'gcp-provider': RESOURCE, 'gcp-service-account': account })).toHaveLength(1)
  },
)

test('gcp refuses a service account without a provider', () => {
  expect(refusals(gcp, { 'gcp-service-account': 'checkout@shop.iam.gserviceaccount.com' })).toEqual([
    ['missing-annotation', 'P/gcp-service-account needs P/gcp-provider beside it'],
  ])
})

test('azure gives its four variables and asks for a life that its clients can work with', () => {
  const seen = provision(azure, { 'azure-client-id': CLIENT, 'azure-tenant-id': TENANT })
  expect(seen).toMatchObject({
    token: { name: 'azure', audience: 'api://AzureADTokenExchange' },
    minimumTtlSeconds: AZURE_MINIMUM_TTL_SECONDS,
  })
  expect(variables(seen)).toEqual({
    AZURE_CLIENT_ID: CLIENT,
    AZURE_TENANT_ID: TENANT,
    AZURE_FEDERATED_TOKEN_FILE: `${TOKENS_DIRECTORY}/azure`,
    AZURE_AUTHORITY_HOST: 'https://login.microsoftonline.com/',
  })
})

test.each([
  ['without a tenant', { 'azure-client-id': CLIENT }, 'P/azure-client-id needs P/azure-tenant-id beside it'],
  ['without a client', { 'azure-tenant-id': TENANT }, 'P/azure-tenant-id needs P/azure-client-id beside it'],
])('azure refuses one id %s', (_name, annotations, message) => {
  expect(refusals(azure, annotations)).toEqual([['missing-annotation', message]])
})

test('azure refuses a tenant that is a domain', () => {
  const seen = refusals(azure, { 'azure-client-id': CLIENT, 'azure-tenant-id': 'shop.onmicrosoft.com' })
  expect(seen).toMatchObject([['bad-annotation-value', expect.stringContaining('GUID')]])
})

test('vault gets a configuration for its Agent that leaves the token where it is', () => {
  const seen = provision(vault, { 'vault-role': 'checkout' })
  expect(seen).toMatchObject({ token: { name: 'vault', audience: 'vault' }, variables: [] })
  expect(seen.files.map(({ name, content }) => [name, JSON.parse(content)])).toEqual([
    [
      'vault.json',
      {
        auto_auth: {
          method: {
            type: 'jwt',
            config: { path: `${TOKENS_DIRECTORY}/vault`, role: 'checkout', remove_jwt_after_reading: false },
          },
        },
      },
    ],
  ])
})

test.each(['', 'a/b', 'two words', '-checkout', `${'x'.repeat(256)}`])('vault refuses the role "%s"', (role) => {
  expect(refusals(vault, { 'vault-role': role })).toHaveLength(1)
})

test('a token that was pasted into an annotation is not repeated in the refusal', () => {
  const pasted = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYW5hcnkifQ.canary'
  const [[, message] = []] = refusals(aws, { 'aws-role-arn': pasted })
  expect(message).toContain('P/aws-role-arn')
  expect(message).not.toContain('eyJ')
})

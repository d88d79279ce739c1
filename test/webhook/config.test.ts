/** The webhook's environment: defaults, and every mistake at once. */
import { expect, test } from 'vitest'
import { parseWebhookConfig } from '../../src/webhook/config.ts'

const P = 'TOKEN_PROJECTOR_'
const GOOD = {
  [`${P}TLS_DIRECTORY`]: '/tls',
  [`${P}SIDECAR_IMAGE`]: 'registry.example/token-projector:0.1.0',
  [`${P}SIGNER_URL`]: 'https://signer.example',
  [`${P}IDENTITY_AUDIENCE`]: 'https://issuer.example/token',
  [`${P}POLICY_FILE`]: '/policy.yaml',
}

const IN_CLUSTER_TLS = {
  TLS_SECRET: 'webhook-tls',
  TLS_NAMES: 'webhook.identity.svc, webhook.identity.svc.cluster.local',
  NAMESPACE: 'identity',
  WEBHOOK_CONFIGURATION: 'token-projector',
}
const OWN_TLS = { ...IN_CLUSTER_TLS, TLS_DIRECTORY: '' }

function problemsOf(changes: Record<string, string | undefined>): string {
  const env = Object.entries(changes).map(([key, value]) => [P + key, value])
  try {
    parseWebhookConfig({ ...GOOD, ...Object.fromEntries(env) })
    return ''
  } catch (error) {
    expect(error).toMatchObject({ reason: 'configuration-invalid', exitCode: 78 })
    return (error as Error).message
  }
}

test('what is required is enough', () => {
  expect(parseWebhookConfig(GOOD)).toEqual({
    LOG_LEVEL: 'info',
    OPS_LISTEN: { host: '0.0.0.0', port: 9090 },
    TLS_DIRECTORY: '/tls',
    TLS_NAMES: [],
    DRAIN_SECONDS: 10,
    WEBHOOK_LISTEN: { host: '0.0.0.0', port: 8443 },
    ANNOTATION_PREFIX: 'token-projector.dev/',
    SIDECAR_IMAGE: 'registry.example/token-projector:0.1.0',
    SIGNER_URL: 'https://signer.example',
    IDENTITY_AUDIENCE: 'https://issuer.example/token',
    RESERVED_AUDIENCES: [],
    POLICY_FILE: '/policy.yaml',
    POLICY_CHECK: 'refuse',
  })
})

test('nothing at all names everything that is required', () => {
  expect(() => parseWebhookConfig({})).toThrow(
    expect.objectContaining({
      message: expect.stringMatching(
        /SIDECAR_IMAGE is required.*SIGNER_URL is required.*IDENTITY_AUDIENCE is required.*TLS_DIRECTORY is required/,
      ),
    }),
  )
})

test.each<[string, Record<string, string | undefined>, string]>([
  [
    'a prefix without a slash',
    { ANNOTATION_PREFIX: 'corp.example' },
    'ANNOTATION_PREFIX must be a DNS name and a slash',
  ],
  ['a prefix in capitals', { ANNOTATION_PREFIX: 'Corp.example/' }, 'ANNOTATION_PREFIX must be'],
  ['a signer without TLS', { SIGNER_URL: 'http://signer.example' }, 'SIGNER_URL must be an https:// URL'],
  ['an identity audience with a space', { IDENTITY_AUDIENCE: 'a b' }, 'IDENTITY_AUDIENCE must be 1 to 255'],
  ['a port too high', { WEBHOOK_LISTEN: ':99999' }, 'WEBHOOK_LISTEN must have a port up to 65535'],
  [
    'a limit under which nothing starts',
    { SIDECAR_CPU: '5m/50m' },
    'SIDECAR_CPU must be cpu as REQUEST or REQUEST/LIMIT',
  ],
  ['memory without a unit', { SIDECAR_MEMORY: '64' }, 'SIDECAR_MEMORY must be memory as REQUEST'],
  ['an unknown policy check', { POLICY_CHECK: 'no' }, 'POLICY_CHECK must be refuse, warn or off'],
  [
    'no certificate',
    { TLS_DIRECTORY: '' },
    'TLS_DIRECTORY is required: the directory with tls.crt and tls.key; set it, or',
  ],
  ['two certificates', IN_CLUSTER_TLS, 'TLS_SECRET and TOKEN_PROJECTOR_TLS_DIRECTORY say the same; set one of the two'],
  ['a Secret without names', { ...OWN_TLS, TLS_NAMES: '' }, 'TLS_NAMES is required'],
  [
    'a Secret with a bad name',
    { ...OWN_TLS, TLS_NAMES: 'webhook.svc,Webhook' },
    'TLS_NAMES must be lower-case DNS names',
  ],
  ['a Secret without its namespace', { ...OWN_TLS, NAMESPACE: '' }, 'NAMESPACE is required'],
  ['a Secret nobody hears of', { ...OWN_TLS, WEBHOOK_CONFIGURATION: '' }, 'WEBHOOK_CONFIGURATION is required'],
  [
    'a configuration without a CA',
    { WEBHOOK_CONFIGURATION: 'a' },
    'WEBHOOK_CONFIGURATION is written only for the CA in',
  ],
  ['a ConfigMap without its namespace', { SIGNER_CA_CONFIGMAP: 'roots' }, 'NAMESPACE is required'],
  [
    'a ConfigMap that cannot be',
    { SIGNER_CA_CONFIGMAP: 'a/b' },
    'SIGNER_CA_CONFIGMAP must be the name of a Kubernetes object',
  ],
  [
    'two CAs of the signer',
    { SIGNER_CA_CONFIGMAP: 'roots', NAMESPACE: 'identity', SIGNER_CA_FILE: '/ca.crt' },
    'SIGNER_CA_CONFIGMAP and TOKEN_PROJECTOR_SIGNER_CA_FILE say the same; set one of the two',
  ],
])('%s is refused by name', (_name, changes, expected) => {
  expect(problemsOf(changes)).toContain(P + expected)
})

test('several mistakes are reported at once, of single variables and between them', () => {
  const problems = problemsOf({ SIGNER_URL: 'x', TLS_DIRECTORY: '', SIGNER_CA_CONFIGMAP: 'a/b', DRAIN_SECONDS: 'soon' })
  for (const key of ['SIGNER_URL', 'TLS_DIRECTORY', 'SIGNER_CA_CONFIGMAP', 'DRAIN_SECONDS']) {
    expect(problems).toContain(P + key)
  }
})

test.each([
  { POLICY_FILE: '', POLICY_CHECK: 'off' },
  { POLICY_FILE: '' },
  { POLICY_FILE: '', POLICY_CHECK: 'warn' },
  { SIGNER_CA_CONFIGMAP: 'roots', NAMESPACE: 'identity' },
  OWN_TLS,
])('taken: %j', (changes) => {
  expect(problemsOf(changes)).toBe('')
})

test.each(['https://kubernetes.default.svc', 'api', 'two words'])('the identity audience is not %s', (audience) => {
  expect(() => parseWebhookConfig({ ...GOOD, TOKEN_PROJECTOR_IDENTITY_AUDIENCE: audience })).toThrow(
    /IDENTITY_AUDIENCE must/,
  )
})

test('further audiences are reserved, separated by commas', () => {
  const env = { ...GOOD, TOKEN_PROJECTOR_RESERVED_AUDIENCES: 'https://cluster.example, vpc' }
  expect(parseWebhookConfig(env).RESERVED_AUDIENCES).toEqual(['https://cluster.example', 'vpc'])
})

test('what sidecars get is read as request and limit', () => {
  const env = { ...GOOD, [`${P}SIDECAR_CPU`]: '5m/100m', [`${P}SIDECAR_MEMORY`]: '48Mi' }
  expect(parseWebhookConfig(env)).toMatchObject({
    SIDECAR_CPU: { request: '5m', limit: '100m' },
    SIDECAR_MEMORY: { request: '48Mi' },
  })
})

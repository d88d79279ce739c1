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
        /TLS_DIRECTORY is required.*SIDECAR_IMAGE is required.*SIGNER_URL is required.*IDENTITY_AUDIENCE is required.*POLICY_FILE is required/,
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
  ['an unknown policy check', { POLICY_CHECK: 'no' }, 'POLICY_CHECK must be refuse, warn or off'],
  ['a check without policies', { POLICY_FILE: '' }, 'POLICY_FILE is required: admission checks policy'],
  ['warnings without policies', { POLICY_FILE: '', POLICY_CHECK: 'warn' }, 'POLICY_FILE is required'],
  [
    'a ConfigMap alone',
    { SIGNER_CA_CONFIGMAP: 'token-projector/signer-ca' },
    'SIGNER_CA_CONFIGMAP is for a later version; set TOKEN_PROJECTOR_SIGNER_CA_FILE instead',
  ],
])('%s is refused by name', (_name, changes, expected) => {
  expect(problemsOf(changes)).toContain(P + expected)
})

test('several mistakes are reported at once, of single variables and between them', () => {
  const problems = problemsOf({ SIGNER_URL: 'x', POLICY_FILE: '', SIGNER_CA_CONFIGMAP: 'a/b', DRAIN_SECONDS: 'soon' })
  for (const key of ['SIGNER_URL', 'POLICY_FILE', 'SIGNER_CA_CONFIGMAP', 'DRAIN_SECONDS']) {
    expect(problems).toContain(P + key)
  }
})

test.each([
  { POLICY_FILE: '', POLICY_CHECK: 'off' },
  { SIGNER_CA_CONFIGMAP: 'a/b', SIGNER_CA_FILE: '/ca.crt' },
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

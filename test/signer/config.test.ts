/** How a signer reads its environment and signer.yaml together. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { parseSignerConfig } from '../../src/signer/config.ts'

const folder = mkdtempSync(join(tmpdir(), 'signer-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const yaml = (jwks: string) => `
issuers: [{url: https://issuer.example, organization: acme}]
clusters: [{name: c, organization: acme, mode: jwks, issuer: https://c.example, ${jwks}}]
`

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const environment = (file: string) => ({
  TOKEN_PROJECTOR_SIGNER_CONFIG: file,
  TOKEN_PROJECTOR_POLICY_FILE: '/etc/policy.yaml',
  TOKEN_PROJECTOR_KEY_FILE: '/var/keys.json',
  TOKEN_PROJECTOR_TLS_DIRECTORY: '/etc/tls',
})

test('a whole configuration comes with its defaults and paths from the folder of signer.yaml', () => {
  expect(parseSignerConfig(environment(write('good.yaml', yaml('jwks: keys/c.json'))))).toMatchObject({
    exchangeListen: { host: '0.0.0.0', port: 8443 },
    publicListen: { host: '0.0.0.0', port: 8444 },
    opsListen: { host: '0.0.0.0', port: 9090 },
    drainSeconds: 10,
    logLevel: 'info',
    tls: { TLS_DIRECTORY: '/etc/tls' },
    policyFile: '/etc/policy.yaml',
    keys: { file: '/var/keys.json' },
    issuer: { url: 'https://issuer.example' },
    clusters: [{ jwks: join(folder, 'keys/c.json') }],
  })
})

test('a URL stays a URL, its CA file comes from the folder', () => {
  const file = write('url.yaml', yaml('jwks: "https://c.example/jwks", caFile: ca.pem'))
  expect(parseSignerConfig(environment(file)).clusters[0]).toMatchObject({
    jwks: 'https://c.example/jwks',
    caFile: join(folder, 'ca.pem'),
  })
})

test('mistakes of the environment and of signer.yaml are reported together', () => {
  const file = write('bad.yaml', yaml('jwks: http://c.example'))
  const env = { ...environment(file), TOKEN_PROJECTOR_KEY_FILE: '', TOKEN_PROJECTOR_EXCHANGE_LISTEN: '8443' }
  expect(() => parseSignerConfig(env)).toThrow(
    expect.objectContaining({
      reason: 'configuration-invalid',
      exitCode: 78,
      message: expect.stringMatching(
        /EXCHANGE_LISTEN must be HOST:PORT.*KEY_FILE is required.*clusters\[0\]\.jwks must/,
      ),
    }),
  )
})

const IN_CLUSTER = {
  TOKEN_PROJECTOR_NAMESPACE: 'identity',
  TOKEN_PROJECTOR_KEY_SECRET: 'keys',
  TOKEN_PROJECTOR_TLS_SECRET: 'signer-tls',
  TOKEN_PROJECTOR_TLS_NAMES: 'signer.identity.svc,signer-public.identity.svc',
  TOKEN_PROJECTOR_SIGNER_CA_CONFIGMAP: 'signer-ca',
}

test('in a cluster keys, certificate and policies are objects', () => {
  const file = write('cluster.yaml', yaml('jwks: x').replace('mode: jwks', 'mode: tokenReview'))
  expect(parseSignerConfig({ ...IN_CLUSTER, TOKEN_PROJECTOR_SIGNER_CONFIG: file })).toMatchObject({
    tls: { TLS_SECRET: 'signer-tls', TLS_NAMES: ['signer.identity.svc', 'signer-public.identity.svc'] },
    caConfigMap: 'signer-ca',
    policyFile: undefined,
    keys: { secret: 'keys', namespace: 'identity' },
  })
})

test.each<[string, Record<string, string>, string]>([
  ['no namespace', { NAMESPACE: '' }, 'NAMESPACE is required: TOKEN_PROJECTOR_TLS_SECRET is looked for there'],
  ['two key stores', { KEY_FILE: 'keys.json' }, 'KEY_SECRET and TOKEN_PROJECTOR_KEY_FILE say the same'],
  ['no key store', { KEY_SECRET: '' }, 'KEY_FILE is required: where the signing keys are kept'],
  ['two certificates', { TLS_DIRECTORY: '/tls' }, 'TLS_SECRET and TOKEN_PROJECTOR_TLS_DIRECTORY say the same'],
  ['no names', { TLS_NAMES: '' }, 'TLS_NAMES is required'],
  ['nowhere to publish', { SIGNER_CA_CONFIGMAP: '' }, 'SIGNER_CA_CONFIGMAP is required: the webhook reads there'],
  ['nothing to publish', { TLS_SECRET: '', TLS_DIRECTORY: '/tls' }, 'SIGNER_CA_CONFIGMAP is written only for the CA'],
  ['a name that is none', { KEY_SECRET: 'a/b' }, 'KEY_SECRET must be the name of a Kubernetes object'],
])('in a cluster too, mistakes are named: %s', (_name, changes, message) => {
  const variables = Object.entries(changes).map(([key, value]) => [`TOKEN_PROJECTOR_${key}`, value])
  const file = write('cluster.yaml', yaml('jwks: x'))
  const env = { ...IN_CLUSTER, TOKEN_PROJECTOR_SIGNER_CONFIG: file, ...Object.fromEntries(variables) }
  expect(() => parseSignerConfig(env)).toThrow(`TOKEN_PROJECTOR_${message}`)
})

test('a signer.yaml that is not there is named', () => {
  expect(() => parseSignerConfig(environment(join(folder, 'none.yaml')))).toThrow(
    /TOKEN_PROJECTOR_SIGNER_CONFIG cannot be read: ENOENT.*none\.yaml/,
  )
})

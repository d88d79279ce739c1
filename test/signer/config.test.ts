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
    keyFile: '/var/keys.json',
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

test('a Secret as key store is for a later version, and that is said', () => {
  const env = { ...environment(write('secret.yaml', yaml('jwks: x'))), TOKEN_PROJECTOR_KEY_SECRET: 'keys' }
  expect(() => parseSignerConfig(env)).toThrow(
    'TOKEN_PROJECTOR_KEY_SECRET is for a later version: keep the keys in a file and set TOKEN_PROJECTOR_KEY_FILE instead',
  )
})

test('a signer.yaml that is not there is named', () => {
  expect(() => parseSignerConfig(environment(join(folder, 'none.yaml')))).toThrow(
    /TOKEN_PROJECTOR_SIGNER_CONFIG cannot be read: ENOENT.*none\.yaml/,
  )
})

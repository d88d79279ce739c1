/** What the sidecar takes for its configuration, and what it says of anything else. */
import { expect, test } from 'vitest'
import { parseSettings, parseSidecarConfig } from '../../src/sidecar/config.ts'

const good = {
  version: 1,
  signer: { url: 'https://signer:8443' },
  identityTokenFile: '/var/run/identity/token',
  directory: '/tokens',
  fileMode: '0644',
  opsPort: 9465,
  tokens: [{ name: 'default', audience: 'vault', ttlSeconds: 3600 }],
  files: [{ name: 'gcp.json', content: '{}' }],
  startDeadlineSeconds: 30,
  localApi: [],
}
const token = good.tokens[0]

const parse = (config: unknown) => parseSidecarConfig(JSON.stringify(config))

function problems(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    expect(error).toMatchObject({ reason: 'configuration-invalid', exitCode: 78 })
    return (error as Error).message
  }
  return ''
}

test('a good configuration comes back as it is', () => {
  expect(parse(good)).toEqual(good)
})

test('a CA bundle is kept', () => {
  const signer = { ...good.signer, caBundle: '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n' }
  expect(parse({ ...good, signer }).signer).toEqual(signer)
})

test('unknown keys, which a newer webhook may send, are ignored', () => {
  const config = { ...good, later: 1, tokens: [{ ...token, later: 1 }], signer: { ...good.signer, later: 1 } }
  expect(parse(config)).toEqual(good)
})

test('what has a harmless default may be missing', () => {
  const { files: _files, localApi: _localApi, opsPort: _opsPort, ...rest } = good
  expect(parse(rest)).toEqual({ ...good, files: [] })
})

test('a higher version is refused alone, with what to do', () => {
  expect(problems(() => parse({ version: 2 }))).toBe(
    'TOKEN_PROJECTOR_SIDECAR.version is 2 and this sidecar reads 1: use an image as new as the webhook',
  )
})

test.each([
  ['absent', undefined, 'is required'],
  ['empty', '', 'is required'],
  ['no JSON', '{"version":', 'must be a JSON object'],
  ['a list', '[]', 'must be a JSON object'],
  ['without a version', '{}', 'version must be 1'],
])('a configuration that is %s is one problem', (_what, text, problem) => {
  const message = problems(() => parseSidecarConfig(text))
  expect(message).toContain(problem)
  expect(message).not.toContain(';')
})

test.each<[string, unknown, string]>([
  ['http', { ...good, signer: { url: 'http://signer' } }, 'signer.url'],
  ['a URL with a user', { ...good, signer: { url: 'https://a:b@signer' } }, 'signer.url'],
  ['a URL with a query', { ...good, signer: { url: 'https://signer?a' } }, 'signer.url'],
  ['no signer', { ...good, signer: undefined }, 'signer.url'],
  ['a CA bundle that is none', { ...good, signer: { ...good.signer, caBundle: 'x' } }, 'signer.caBundle'],
  ['a relative folder', { ...good, directory: 'tokens' }, 'directory'],
  ['a relative identity file', { ...good, identityTokenFile: 'token' }, 'identityTokenFile'],
  ['a mode as a number', { ...good, fileMode: 644 }, 'fileMode'],
  ['a mode that others may write', { ...good, fileMode: '0666' }, 'fileMode'],
  ['a mode that the group may write', { ...good, fileMode: '0664' }, 'fileMode'],
  ['a mode that executes', { ...good, fileMode: '0755' }, 'fileMode'],
  ['a mode that the owner cannot read', { ...good, fileMode: '0044' }, 'fileMode'],
  ['a port too high', { ...good, opsPort: 65_536 }, 'opsPort'],
  ['no token', { ...good, tokens: [] }, 'tokens must be'],
  [
    'seventeen tokens',
    { ...good, tokens: Array.from({ length: 17 }, (_, i) => ({ ...token, name: `t${i}` })) },
    'tokens must be',
  ],
  ['a token that leaves the folder', { ...good, tokens: [{ ...token, name: '../x' }] }, 'tokens[0].name'],
  ['a token twice', { ...good, tokens: [token, token] }, 'tokens[1].name'],
  ['a token without audience', { ...good, tokens: [{ ...token, audience: '' }] }, 'tokens[0].audience'],
  ['a TTL of nine seconds', { ...good, tokens: [{ ...token, ttlSeconds: 9 }] }, 'tokens[0].ttlSeconds'],
  ['a TTL with a fraction', { ...good, tokens: [{ ...token, ttlSeconds: 60.5 }] }, 'tokens[0].ttlSeconds'],
  ['a token that is no object', { ...good, tokens: ['default'] }, 'tokens[0].name'],
  ['a file named like a token', { ...good, files: [{ name: 'default', content: '' }] }, 'files[0].name'],
  ['a file that leaves the folder', { ...good, files: [{ name: '../x', content: '' }] }, 'files[0].name'],
  ['a hidden file', { ...good, files: [{ name: '.x', content: '' }] }, 'files[0].name'],
  ['a file without content', { ...good, files: [{ name: 'x' }] }, 'files[0].content'],
  ['files that are no list', { ...good, files: {} }, 'files must be a list'],
  ['a negative deadline', { ...good, startDeadlineSeconds: -1 }, 'startDeadlineSeconds'],
  ['no deadline', { ...good, startDeadlineSeconds: undefined }, 'startDeadlineSeconds'],
  ['a local API', { ...good, localApi: ['spiffe'] }, 'localApi'],
])('%s is a problem that names its place', (_what, config, place) => {
  expect(problems(() => parse(config))).toContain(`TOKEN_PROJECTOR_SIDECAR.${place}`)
})

test('everything wrong is said at once, the environment included', () => {
  const config = { ...good, signer: { url: 'ftp://x' }, directory: 'x', tokens: [{ ...token, ttlSeconds: 1 }] }
  const env = {
    TOKEN_PROJECTOR_SIDECAR: JSON.stringify(config),
    TOKEN_PROJECTOR_LOG_LEVEL: 'loud',
    TOKEN_PROJECTOR_OPS_LISTEN: 'nowhere',
  }
  const message = problems(() => parseSettings(env))
  for (const place of ['signer.url', 'directory', 'tokens[0].ttlSeconds', 'LOG_LEVEL', 'OPS_LISTEN']) {
    expect(message).toContain(place)
  }
  expect(message.split('; ').length).toBe(5)
})

test.each([
  [undefined, 9465, { port: 9465 }],
  ['', 9465, { port: 9465 }],
  [undefined, 0, undefined],
  ['127.0.0.1:0', 9465, { host: '127.0.0.1', port: 0 }],
  ['[::1]:9000', 9465, { host: '::1', port: 9000 }],
  [':9000', 0, { port: 9000 }],
])('OPS_LISTEN %j over port %d listens at %j', (listen, opsPort, expected) => {
  const env = { TOKEN_PROJECTOR_SIDECAR: JSON.stringify({ ...good, opsPort }), TOKEN_PROJECTOR_OPS_LISTEN: listen }
  expect(parseSettings(env).opsListen).toEqual(expected)
})

test.each([
  [undefined, 'info'],
  ['', 'info'],
  ['debug', 'debug'],
])('LOG_LEVEL %j is %s', (level, expected) => {
  const env = { TOKEN_PROJECTOR_SIDECAR: JSON.stringify(good), TOKEN_PROJECTOR_LOG_LEVEL: level }
  expect(parseSettings(env).logLevel).toBe(expected)
})

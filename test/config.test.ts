/** How a process reads its environment. */
import { expect, test } from 'vitest'
import { z } from 'zod'
import { common, httpsUrl, listen, parseEnvironment, path, seconds } from '../src/config.ts'

const schema = z.object({ ...common, TLS_DIRECTORY: path, SIGNER_URL: httpsUrl, WAIT_SECONDS: seconds(3) })
const good = { TOKEN_PROJECTOR_TLS_DIRECTORY: '/tls', TOKEN_PROJECTOR_SIGNER_URL: 'https://signer.example/x' }

test('absent variables get their defaults, others of the environment are not looked at', () => {
  expect(parseEnvironment(schema, { ...good, TOKEN_PROJECTOR_LOG_LEVEL: '', LOG_LEVEL: 'nonsense' })).toEqual({
    LOG_LEVEL: 'info',
    OPS_LISTEN: { host: '0.0.0.0', port: 9090 },
    TLS_DIRECTORY: '/tls',
    DRAIN_SECONDS: 10,
    SIGNER_URL: 'https://signer.example/x',
    WAIT_SECONDS: 3,
  })
})

test('everything wrong is reported at once, by name, with what would be right', () => {
  const env = {
    TOKEN_PROJECTOR_SIGNER_URL: 'http://signer.example',
    TOKEN_PROJECTOR_LOG_LEVEL: 'loud',
    TOKEN_PROJECTOR_WAIT_SECONDS: '5s',
    TOKEN_PROJECTOR_OPS_LISTEN: '9090',
  }
  expect(() => parseEnvironment(schema, env)).toThrow(
    expect.objectContaining({
      exitCode: 78,
      message: [
        'TOKEN_PROJECTOR_LOG_LEVEL must be trace, debug, info, warn or error',
        'TOKEN_PROJECTOR_OPS_LISTEN must be HOST:PORT, such as 0.0.0.0:8443',
        'TOKEN_PROJECTOR_TLS_DIRECTORY is required: it is not set',
        'TOKEN_PROJECTOR_SIGNER_URL must be an https:// URL without user, query and fragment',
        'TOKEN_PROJECTOR_WAIT_SECONDS must be a whole number of seconds',
      ].join('; '),
    }),
  )
})

test.each([
  ['127.0.0.1:8443', { host: '127.0.0.1', port: 8443 }],
  [':9090', { host: '::', port: 9090 }],
  ['[::1]:0', { host: '::1', port: 0 }],
  ['localhost:65535', { host: 'localhost', port: 65535 }],
])('%s is an address', (text, expected) => {
  expect(listen.parse(text)).toEqual(expected)
})

test.each(['8443', '0.0.0.0', '0.0.0.0:65536', 'a b:1', '::1:80', ''])('%j is no address', (text) => {
  expect(listen.safeParse(text).success).toBe(false)
})

test.each([
  'https://user@signer.example',
  'https://signer.example/?x=1',
  'https://signer.example/#x',
  'signer.example',
])('%s is no URL for us', (text) => {
  expect(httpsUrl.safeParse(text).success).toBe(false)
})

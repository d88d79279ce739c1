/** Shows what the command line means, and that every mistake of usage ends with 64. */
import { expect, test } from 'vitest'
import { type Invocation, parseCommandLine } from '../../src/cli/program.ts'

function parse(...args: string[]): { invocation: Invocation; out: string; err: string } {
  let out = ''
  let err = ''
  const invocation = parseCommandLine(args, {
    writeOut: (text) => {
      out += text
    },
    writeErr: (text) => {
      err += text
    },
  })
  return { invocation, out, err }
}

test('inject needs nothing', () => {
  expect(parse('inject').invocation).toMatchObject({
    verb: 'inject',
    options: {
      file: '-',
      namespace: 'default',
      prefix: 'token-projector.dev/',
      signerUrl: 'https://token-projector-signer.token-projector.svc',
      identityAudience: 'https://issuer.token-projector.test/token',
    },
  })
})

test('exec gathers what is repeated and takes everything behind its command for the command’s', () => {
  const args = ['--env', 'A=1', '-e', 'B=x=y', '--map', '/a/=l', '--map', '/b=m', 'app', '--env', 'C=3', '--', '-v']
  expect(parse('exec', '-p', 'pod.yaml', '--policy', 'q', ...args).invocation).toMatchObject({
    verb: 'exec',
    options: {
      podFile: 'pod.yaml',
      policyFile: 'q',
      variables: { A: '1', B: 'x=y' },
      mappings: [
        { containerPath: '/a', localPath: 'l' },
        { containerPath: '/b', localPath: 'm' },
      ],
      command: ['app', '--env', 'C=3', '--', '-v'],
      verbose: false,
    },
  })
})

test('a command may begin with a dash behind --', () => {
  expect(parse('exec', '-p', 'p', '--policy', 'q', '--', '-x').invocation).toMatchObject({
    options: { command: ['-x'] },
  })
})

test('the identity audience follows the issuer', () => {
  const { invocation } = parse('exec', '-p', 'p', '--policy', 'q', '--issuer', 'https://issuer.example/a')
  expect(invocation).toMatchObject({ options: { identityAudience: 'https://issuer.example/a/token' } })
})

test('a prefix gets the slash that it lacks', () => {
  expect(parse('inject', '--annotation-prefix', 'id.example').invocation).toMatchObject({
    options: { prefix: 'id.example/' },
  })
})

const EXPLAIN = [
  ...['explain', '--policy', 'q', '--organization', 'acme'],
  ...['--issuer', 'https://issuer.example', '--audience', 'vault'],
]

const TRUST = ['trust']
const WHO = ['--issuer', 'https://issuer.example', '--organization', 'acme']

test('trust takes what its receiver has to be told, by the names of its flags', () => {
  const own = ['--project-number', '123456789', '--pool', 'pool-1', '--provider', 'provider-1']
  expect(parse(...TRUST, 'gcp', ...WHO, ...own).invocation).toMatchObject({
    verb: 'trust',
    options: {
      receiver: { name: 'gcp' },
      values: { 'project-number': '123456789', pool: 'pool-1', provider: 'provider-1' },
      namespace: 'default',
      format: 'json',
    },
  })
  expect(parse(...TRUST, 'vault', ...WHO, '--role', 'r').invocation).toMatchObject({
    options: { values: { role: 'r', mount: 'jwt' } },
  })
})

test('explain asks for a service account, and life as pods do by default', () => {
  expect(parse(...EXPLAIN, '-n', 'payments', '-s', 'checkout').invocation).toMatchObject({
    verb: 'explain',
    options: {
      policyFile: 'q',
      namespace: 'payments',
      serviceAccount: 'checkout',
      ttlSeconds: 3600,
      identityAudience: 'https://issuer.example/token',
      output: 'text',
    },
  })
})

test.each([
  [[], /Usage/],
  [['unknown'], /unknown/],
  [['inject', '--unknown'], /--unknown/],
  [['inject', 'file.yaml'], /argument/],
  [['inject', '--signer-url', 'http://signer.example'], /https/],
  [['inject', '--annotation-prefix', 'Not A Name'], /DNS name/],
  [['exec'], /--pod/],
  [['exec', '--pod', 'pod.yaml'], /--policy/],
  [['exec', '--pod', 'p', '--policy', 'q', '--env', 'NOVALUE'], /NAME=VALUE/],
  [['exec', '--pod', 'p', '--policy', 'q', '--map', 'relative=x'], /absolute/],
  [['exec', '--pod', 'p', '--policy', 'q', '--public-listen', 'nowhere'], /HOST:PORT/],
  [['explain', '--policy', 'q', '--organization', 'acme', '--audience', 'a'], /--issuer/],
  [[...EXPLAIN, '--issuer', 'https://issuer.example/'], /must not end with a slash/],
  [[...EXPLAIN, '--ttl-seconds', '5'], /whole number of seconds, 10 or more/],
  [[...EXPLAIN, '--output', 'yaml'], /text, json/],
  [['trust', 'aws', '--account', '111122223333'], /--issuer/],
  [['trust', 'nobody'], /unknown/],
  [[...TRUST, 'aws', ...WHO], /--account/],
  [[...TRUST, 'aws', ...WHO, '--account', '1111-2222'], /must be the twelve digits/],
  [[...TRUST, 'azure', ...WHO, '-n', 'payments"'], /must be a Kubernetes name/],
  [[...TRUST, 'kubernetes', ...WHO, '--format', 'terraform'], /Allowed choices are json/],
  [[...TRUST, 'kubernetes', ...WHO, '--username-prefix', 'system:'], /not system:/],
  [[...TRUST, 'kubernetes', ...WHO, '--username-prefix', ''], /not system:/],
])('a mistake of usage is told on standard error: %j', (args, expected) => {
  const { invocation, out, err } = parse(...args)
  expect(invocation).toEqual({ verb: 'none', exitCode: 64 })
  expect(out).toBe('')
  expect(err).toMatch(expected)
})

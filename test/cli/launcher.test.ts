/** Shows the launcher and the exit codes of real processes. */
import { accessSync, constants, copyFileSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { folderWith, LAUNCHER, launch } from './launch.ts'

const POD = `apiVersion: v1
kind: Pod
metadata: {name: app, annotations: {token-projector.dev/audience: https://api.example}}
spec: {containers: [{name: app, image: app}]}
`

test.each([
  [['--version'], /^\d+\.\d+\.\d+(-[a-z0-9.]+)?\n$/],
  [['--help'], /inject.*exec.*webhook.*signer.*sidecar/s],
  [['inject', '--help'], /--signer-url/],
  [['exec', '--help'], /--policy.*readOnly/s],
])('%s exits 0 and says it on standard output, without colour in a pipe', async (args, expected) => {
  const { exitCode, stdout, stderr } = await launch(args)
  expect([exitCode, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(expected)
  expect(stdout).not.toContain('\u001b')
})

test('a mistake of usage exits 64 and writes nothing on standard output', async () => {
  const { exitCode, stdout, stderr } = await launch(['inject', '--unknown'])
  expect([exitCode, stdout]).toEqual([64, ''])
  expect(stderr).toContain('--unknown')
})

test('a pod that has not opted in goes through a pipe byte for byte', async () => {
  const text = '# x\r\nkind:   Pod\r\napiVersion: v1'
  const { exitCode, stdout, stderr } = await launch(['inject'], { input: text })
  expect([exitCode, stdout, stderr]).toEqual([0, text, ''])
})

test('a file is named with -f, and twice is once', async () => {
  const file = join(folderWith({ 'pod.yaml': POD }), 'pod.yaml')
  const once = await launch(['inject', '-f', file])
  expect(once.stdout).toContain('token-projector-tokens')
  const twice = await launch(['inject'], { input: String(once.stdout) })
  expect(twice.stdout).toBe(once.stdout)
})

test.each([
  ['broken YAML', 'a: [1\n', 65, /standard input:2:1/],
  ['an unknown annotation', POD.replace('audience:', 'audiense:'), 65, /audiense.*token-projector\.dev\/audience/s],
  [
    'a life of 30 seconds',
    POD.replace('{token', '{token-projector.dev/ttl-seconds: "30", token'),
    65,
    /ttl-seconds.*600/s,
  ],
])('%s exits 65 and says where', async (_name, input, code, expected) => {
  const { exitCode, stdout, stderr } = await launch(['inject'], { input })
  expect([exitCode, stdout]).toEqual([code, ''])
  expect(stderr).toMatch(expected)
  expect(stderr).not.toContain('\u001b')
})

test('a refusal of policy exits 77 and names the missing rule', async () => {
  const policy = `apiVersion: token-projector.dev/v1alpha1
kind: AudiencePolicy
metadata: {name: other}
spec:
  from: {namespaces: [other], serviceAccounts: ["*"]}
  effect: Allow
  to: {audiences: ["*"]}
`
  const folder = folderWith({ 'policy.yaml': policy })
  const { exitCode, stderr } = await launch(['inject', '--policy', join(folder, 'policy.yaml')], { input: POD })
  expect(exitCode).toBe(77)
  expect(stderr).toMatch(/from\.namespaces \[default\].*from\.serviceAccounts \[default\].*https:\/\/api\.example/)
})

test('three mistakes in one policy file exit 78, all reported', async () => {
  const folder = folderWith({
    'policy.yaml': `apiVersion: token-projector.dev/v1alpha1
kind: AudiencePolicy
metadata: {name: x}
spec:
  effect: Maybe
  from: {namespaces: [], serviceAccounts: ["*"]}
  to: {audiences: ["*"]}
  maxTtlSeconds: 5
`,
  })
  const { exitCode, stderr } = await launch(['inject', '--policy', join(folder, 'policy.yaml')], { input: POD })
  expect(exitCode).toBe(78)
  for (const mistake of ['effect', 'namespaces', 'maxTtlSeconds']) expect(stderr).toContain(mistake)
})

test('a link to the launcher finds the checkout', async () => {
  const link = join(folderWith(), 'tp')
  symlinkSync(LAUNCHER, link)
  const { stdout } = await launch(['--version'], { cwd: '/' })
  const linked = await execa(link, ['--version'], { stripFinalNewline: false })
  expect(linked.stdout).toBe(stdout)
})

test('a checkout that was not set up says what to run and exits 78', async () => {
  const folder = folderWith()
  mkdirSync(join(folder, 'bin'))
  const copy = join(folder, 'bin', 'token-projector')
  copyFileSync(LAUNCHER, copy)
  const { exitCode, stderr } = await execa(copy, ['--version'], { reject: false })
  expect(exitCode).toBe(78)
  expect(stderr).toContain('make setup')
})

test.each(['webhook', 'signer'])(
  '%s starts that service, which says all that its environment lacks',
  async (service) => {
    const PATH = '/usr/bin:/bin'
    const { exitCode, stdout } = await launch([service], { env: { PATH }, extendEnv: false })
    expect(exitCode).toBe(78)
    expect(stdout).toContain('TOKEN_PROJECTOR_')
  },
)

test('sidecar hands its verb on', async () => {
  const { exitCode, stderr } = await launch(['sidecar', 'nonsense'])
  expect(exitCode).toBe(64)
  expect(stderr).toContain('run | once | wait')
})

test('the launcher is plain sh and can be executed', () => {
  expect(() => accessSync(LAUNCHER, constants.X_OK)).not.toThrow()
  expect(readFileSync(LAUNCHER, 'utf8').startsWith('#!/bin/sh\n')).toBe(true)
})

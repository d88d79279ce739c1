/** Shows what `exec` refuses before anything starts, each with what to give or change. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type ExecDeps, type ExecOptions, exec } from '../../src/cli/exec.ts'
import { outcomeOfError } from '../../src/cli/outcome.ts'
import { AUDIENCE, folderWith, podYaml, policyFor } from './launch.ts'

const POLICY = policyFor('shop', 'cart', AUDIENCE)

async function refusal(pod: string, policy = POLICY, options: Partial<ExecOptions> = {}) {
  const folder = folderWith({ 'pod.yaml': pod, 'policy.yaml': policy })
  const runtime = folderWith()
  const deps: ExecDeps = {
    now: () => 0,
    random: () => 0,
    randomUUID: () => 'uid',
    path: '/nowhere',
    runtimeDirectory: runtime,
    node: '/nowhere/node',
    isTerminal: false,
    stdin: async () => new Uint8Array(),
    say: () => undefined,
    onSignal: () => undefined,
  }
  const all: ExecOptions = {
    podFile: join(folder, 'pod.yaml'),
    policyFile: join(folder, 'policy.yaml'),
    prefix: 'token-projector.dev/',
    namespace: 'default',
    command: [],
    container: undefined,
    variables: {},
    mappings: [],
    state: undefined,
    verbose: false,
    issuer: 'https://issuer.example',
    organization: 'local',
    identityAudience: 'https://issuer.example/token',
    keyFile: undefined,
    publicListen: '127.0.0.1:0',
    tlsDirectory: undefined,
    ...options,
  }
  const outcome = await exec(all, deps).catch(outcomeOfError)
  return { ...outcome, text: outcome.messages.join('\n'), left: readdirSync(runtime) }
}

test('policy refuses with 77 and names the missing rule', async () => {
  const { exitCode, text, left } = await refusal(podYaml(), policyFor('other', 'cart', AUDIENCE))
  expect(exitCode).toBe(77)
  expect(text).toMatch(/from\.namespaces \[shop\].*from\.serviceAccounts \[cart\]/)
  expect(left).toEqual([])
})

test.each<[string, string, RegExp]>([
  ['a container without a command', podYaml({ container: { command: undefined } }), /no command.*behind --/],
  [
    'a pod that asks for nothing',
    'apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: []}',
    /x asks for no token/,
  ],
  ['a file without a pod', 'apiVersion: v1\nkind: Service\n', /no Pod/],
  ['two pods', `${podYaml()}\n---\n${podYaml()}`, /2 pods \(Pod\/app, Pod\/app\)/],
  ['broken YAML', 'a: [', /pod\.yaml:1:/],
  ['an unknown annotation', podYaml({ annotations: { 'token-projector.dev/audiense': 'x' } }), /audiense/],
  [
    'a secret',
    podYaml({ container: { env: [{ name: 'P', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] } }),
    /--env P=VALUE/,
  ],
])('%s is refused with 65 and what to give', async (_name, pod, expected) => {
  const { exitCode, text, left } = await refusal(pod)
  expect(exitCode).toBe(65)
  expect(text).toMatch(expected)
  expect(left).toEqual([])
})

test.each<[string, Partial<ExecOptions>, number, RegExp]>([
  ['a pod file that is not there', { podFile: '/nowhere/pod.yaml' }, 65, /\/nowhere\/pod\.yaml cannot be read/],
  ['a policy file that is not there', { policyFile: '/nowhere/policy.yaml' }, 78, /--policy \/nowhere\/policy\.yaml/],
  ['a certificate folder that is not there', { tlsDirectory: '/nowhere' }, 78, /--tls-directory/],
  ['an issuer with a path that ends in a slash', { issuer: 'https://issuer.example/' }, 78, /issuers\[0\]\.url/],
  ['an organization that is somebody else’s', { organization: 'system' }, 78, /organization.*reserved/],
  ['an unknown container', { container: 'nobody' }, 65, /nobody.*it has: main/],
])('%s is refused, and nothing is left behind', async (_name, options, code, expected) => {
  const { exitCode, text, left } = await refusal(podYaml(), POLICY, options)
  expect(exitCode).toBe(code)
  expect(text).toMatch(expected)
  expect(left).toEqual([])
})

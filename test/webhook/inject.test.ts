/** What happens to a pod that others changed after its injection, or before. */
import { expect, test } from 'vitest'
import type { JsonObject } from '../../src/webhook/json.ts'
import type { Operation } from '../../src/webhook/patch.ts'
import { podWith } from './context.ts'
import {
  APP,
  type Change,
  changed,
  injected,
  listsOf,
  patchOf,
  project,
  ROLE,
  refusalsOf,
  SIDECAR,
  TOKENS,
} from './injected.ts'

test('what the API server defaults changes nothing', () => {
  const defaulted = changed(
    injected(),
    { op: 'add', path: `${SIDECAR}/imagePullPolicy`, value: 'IfNotPresent' },
    { op: 'add', path: `${SIDECAR}/terminationMessagePath`, value: '/dev/termination-log' },
    // Go leaves empty text out, and the downward API has a default version.
    { op: 'remove', path: `${SIDECAR}/env/1/value` },
    { op: 'add', path: `${APP}/env/2/valueFrom/fieldRef/apiVersion`, value: 'v1' },
    { op: 'add', path: '/spec/volumes/-', value: { name: 'kube-api-access-x', projected: { sources: [] } } },
  )
  expect(patchOf(defaulted)).toEqual([])
})

test.each<[string, Change]>([
  ['image', { op: 'replace', path: `${SIDECAR}/image`, value: 'mirror.example/token-projector@sha256:0' }],
  ['pull policy', { op: 'add', path: `${SIDECAR}/imagePullPolicy`, value: 'Always' }],
  ['resources', { op: 'replace', path: `${SIDECAR}/resources`, value: { limits: { cpu: '1' } } }],
  ['user', { op: 'replace', path: `${SIDECAR}/securityContext/runAsUser`, value: 1_000_650_000 }],
  ['further variables', { op: 'add', path: `${SIDECAR}/env/-`, value: { name: 'HTTPS_PROXY', value: 'http://p' } }],
  ['a preStop hook', { op: 'add', path: `${SIDECAR}/lifecycle/preStop`, value: { sleep: { seconds: 5 } } }],
])('what others changed in our container stays: %s', (_name, change) => {
  expect(patchOf(changed(injected(), change))).toEqual([])
})

test('what others mounted into our container stays', () => {
  const mounted = changed(
    injected(),
    { op: 'add', path: '/spec/volumes/-', value: { name: 'ca', emptyDir: {} } },
    { op: 'add', path: `${SIDECAR}/volumeMounts/-`, value: { name: 'ca', mountPath: '/ca' } },
  )
  expect(patchOf(mounted)).toEqual([])
})

test.each([
  ['restartPolicy', 'restartPolicy'],
  ['the hook', 'lifecycle'],
  ['the security context', 'securityContext'],
  ['a part of it', 'securityContext/capabilities'],
  ['the resources', 'resources'],
  ['the termination message', 'terminationMessagePolicy'],
  ['all mounts', 'volumeMounts'],
  ['all variables', 'env'],
])('what others took from our container comes back: %s', (_name, path) => {
  const whole = injected()
  const taken = changed(whole, { op: 'remove', path: `${SIDECAR}/${path}` })
  const patch = patchOf(taken)
  expect(patch.map((operation) => operation.path)).toEqual([`${SIDECAR}/${path}`])
  expect(project(taken)).toMatchObject({ pod: whole })
})

test('one mount that others took from our container comes back', () => {
  const patch = patchOf(changed(injected(), { op: 'remove', path: `${SIDECAR}/volumeMounts/1` }))
  expect(patch.map(({ path }) => path)).toEqual([`${SIDECAR}/volumeMounts/-`])
})

test('options that another webhook gave every Node container do not reach ours', () => {
  const value = { name: 'NODE_OPTIONS', value: '--require=/agent.js' }
  const meddled = changed(injected(), { op: 'replace', path: `${SIDECAR}/env/1`, value })
  const repair: Operation = { op: 'add', path: `${SIDECAR}/env/-`, value: { name: 'NODE_OPTIONS', value: '' } }
  expect(patchOf(meddled)).toEqual([repair])
  expect(patchOf(changed(meddled, repair))).toEqual([])
})

test('a container that another webhook added later gets its mount and variables', () => {
  const late = { name: 'late', image: 'registry.example/late:1' }
  const patch = patchOf(changed(injected(), { op: 'add', path: APP, value: late }))
  expect(patch.map(({ path }) => path)).toEqual([`${APP}/env`, `${APP}/volumeMounts`])
  expect(patch[1]).toMatchObject({ value: [{ name: 'token-projector-tokens', mountPath: TOKENS, readOnly: true }] })
})

test('a volume that somebody took comes back', () => {
  const patch = patchOf(changed(injected(), { op: 'remove', path: '/spec/volumes/0' }))
  expect(patch).toMatchObject([{ path: '/spec/volumes/-', value: { name: 'token-projector-identity' } }])
})

test('the fetching container stands before the sidecar, and both before all others', () => {
  const pod = injected({ ...ROLE, start: 'init' }, { initContainers: [{ name: 'migrate', image: 'm:1' }] })
  const names = listsOf(pod).initContainers.map(({ name }) => name)
  expect(names).toEqual(['token-projector-fetch', 'token-projector', 'migrate'])
  const patch = patchOf(changed(pod, { op: 'remove', path: '/spec/initContainers/0' }))
  expect(patch).toMatchObject([{ path: '/spec/initContainers/0', value: { name: 'token-projector-fetch' } }])
})

test('our containers get none of the application variables, and the application none of ours', () => {
  const { initContainers, containers } = listsOf(injected({ ...ROLE, 'env.aws': 'TOKEN_FILE', start: 'init' }))
  for (const { env } of initContainers) {
    expect(env.map(({ name }) => name)).toEqual(['TOKEN_PROJECTOR_SIDECAR', 'NODE_OPTIONS'])
  }
  expect(containers.map(({ env }) => env.map(({ name }) => name))).toEqual([
    ['AWS_ROLE_ARN', 'AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_ROLE_SESSION_NAME', 'TOKEN_FILE'],
  ])
})

test('the API token is kept out of our containers by our own mount', () => {
  expect(listsOf(injected()).initContainers[0]?.volumeMounts).toContainEqual({
    name: 'token-projector-identity',
    mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
    readOnly: true,
  })
})

const SECOND_MOUNT = { name: 'token-projector-tokens', mountPath: '/x' }

test.each<[string, Change, string]>([
  ['another command', { op: 'replace', path: `${SIDECAR}/command`, value: ['sh'] }, 'command'],
  [
    'another configuration',
    { op: 'replace', path: `${SIDECAR}/env/0/value`, value: '{"version":1}' },
    'TOKEN_PROJECTOR_SIDECAR',
  ],
  [
    'another identity audience',
    {
      op: 'replace',
      path: '/spec/volumes/0/projected/sources/0/serviceAccountToken/audience',
      value: 'https://kubernetes.default.svc',
    },
    'token-projector-identity',
  ],
  ['tokens on a disk', { op: 'remove', path: '/spec/volumes/1/emptyDir/medium' }, 'token-projector-tokens'],
  ['writable tokens for others', { op: 'remove', path: `${APP}/volumeMounts/0/readOnly` }, 'read-only'],
  ['a part of the tokens', { op: 'add', path: `${APP}/volumeMounts/0/subPath`, value: 'aws' }, 'read-only'],
  ['tokens at another path too', { op: 'add', path: `${APP}/volumeMounts/-`, value: SECOND_MOUNT }, '/x'],
  [
    'a fetching container that nobody asked for',
    { op: 'add', path: '/spec/initContainers/-', value: { name: 'token-projector-fetch' } },
    'token-projector-fetch',
  ],
  [
    'ours among the ordinary ones',
    { op: 'add', path: '/spec/containers/-', value: { name: 'token-projector' } },
    'token-projector',
  ],
])('a pod with our names in another form is refused: %s', (_name, change, named) => {
  const [first, ...more] = refusalsOf(changed(injected(), change))
  expect(first).toMatch(/^reserved-name: /)
  expect(first).toContain(named)
  expect(more).toEqual([])
})

test.each([
  ['our identity', { name: 'token-projector-identity', mountPath: '/identity' }],
  ['the tokens to write', { name: 'token-projector-tokens', mountPath: TOKENS }],
])('a skipped container may not reach our volumes by itself either: %s', (_name, mount) => {
  const nosy = { name: 'nosy', volumeMounts: [mount] }
  const pod = podWith({ ...ROLE, 'skip-containers': 'nosy' }, { containers: [{ name: 'app' }, nosy] })
  expect(refusalsOf(pod)).toEqual([expect.stringContaining('container nosy mounts the volume')])
})

const REGION = { ...ROLE, 'aws-region': 'eu-west-1' }
const OTHER_ROLE = { name: 'AWS_ROLE_ARN', value: 'arn:aws:iam::111122223333:role/other' }

function podWithEnv(env: JsonObject[], annotations: Record<string, string> = {}): JsonObject {
  return podWith({ ...REGION, ...annotations }, { containers: [{ name: 'app', env }] })
}

function namesAfter(pod: JsonObject): string[] {
  const outcome = project(pod)
  if (outcome.outcome !== 'injected') throw new Error(JSON.stringify(outcome))
  return listsOf(outcome.pod).containers[0]?.env.map(({ name }) => name) ?? []
}

const AWS_VARIABLES = [
  'AWS_ROLE_ARN',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_ROLE_SESSION_NAME',
  'AWS_REGION',
  'AWS_DEFAULT_REGION',
  'AWS_STS_REGIONAL_ENDPOINTS',
]

test.each<[string, JsonObject]>([
  ['a literal', OTHER_ROLE],
  ['a source', { name: 'AWS_ROLE_ARN', valueFrom: { configMapKeyRef: { name: 'a', key: 'b' } } }],
])('a container with a role of its own gets the other variables, once: %s', (_name, own) => {
  expect(namesAfter(podWithEnv([own]))).toEqual(AWS_VARIABLES)
})

test.each<[string, JsonObject[], string[]]>([
  ['a region', [{ name: 'AWS_REGION', value: 'us-east-1' }], ['AWS_REGION']],
  ['an empty role', [{ name: 'AWS_ROLE_ARN', value: '' }], ['AWS_ROLE_ARN']],
  [
    'a role and a session name',
    [OTHER_ROLE, { name: 'AWS_ROLE_SESSION_NAME', value: 'me' }],
    ['AWS_ROLE_ARN', 'AWS_ROLE_SESSION_NAME'],
  ],
  [
    'the last of two entries',
    [
      { name: 'AWS_REGION', value: 'eu-west-1' },
      { name: 'AWS_REGION', value: 'us-east-1' },
    ],
    ['AWS_REGION'],
  ],
])('a variable of ours in a container is refused by container, variable and annotation: %s', (_name, env, names) => {
  const expected = names.map((name) =>
    expect.stringContaining(`container app already sets ${name}, which token-projector.dev/aws-role-arn sets too`),
  )
  expect(refusalsOf(podWithEnv(env))).toEqual(expected)
})

test('with keep the container has theirs and none of that provider, but those of others', () => {
  const pod = podWithEnv([{ name: 'AWS_REGION', value: 'us-east-1' }], { 'on-conflict': 'keep', 'env.aws': 'FILE' })
  expect(namesAfter(pod)).toEqual(['AWS_REGION', 'FILE'])
})

test('exactly our value is no conflict', () => {
  const names = namesAfter(podWithEnv([{ name: 'AWS_REGION', value: 'eu-west-1' }]))
  expect(names.toSorted()).toEqual(AWS_VARIABLES.toSorted())
})

test('an init container that sets a variable of ours is refused too', () => {
  const migrate = { name: 'migrate', env: [{ name: 'AWS_WEB_IDENTITY_TOKEN_FILE', value: '/x' }] }
  expect(refusalsOf(podWith(ROLE, { initContainers: [migrate] }))).toEqual([
    expect.stringContaining('container migrate already sets AWS_WEB_IDENTITY_TOKEN_FILE'),
  ])
})

test.each<[string, JsonObject]>([
  ['containers that are no list', { containers: {} }],
  ['a container that is no object', { containers: ['app'] }],
  ['a container without a name', { containers: [{ image: 'x' }] }],
  ['variables that are no list', { containers: [{ name: 'app', env: { A: 'b' } }] }],
  ['a user that is no number', { securityContext: { runAsUser: 'root' } }],
])("what is not shaped like a pod is the caller's fault: %s", (_name, spec) => {
  expect(() => project(podWith(ROLE, spec))).toThrow(expect.objectContaining({ reason: 'input-malformed' }))
})

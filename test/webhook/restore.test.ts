/** What other webhooks did to our containers is mended, and nothing else is touched. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { JsonObject } from '../../src/webhook/json.ts'
import type { Operation } from '../../src/webhook/patch.ts'
import { applied } from './apply.ts'
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

const TOKENS_MOUNT = { name: 'token-projector-tokens', mountPath: TOKENS }
const IDENTITY_MOUNT = {
  name: 'token-projector-identity',
  mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
  readOnly: true,
}

test.each<[string, Change, Operation['op']]>([
  ['its name', { op: 'replace', path: `${SIDECAR}/name`, value: 'sidecar-1' }, 'replace'],
  ['its arguments', { op: 'replace', path: `${SIDECAR}/args`, value: ['once'] }, 'replace'],
  ['no arguments', { op: 'remove', path: `${SIDECAR}/args` }, 'add'],
  ['its restartPolicy', { op: 'replace', path: `${SIDECAR}/restartPolicy`, value: 'Never' }, 'replace'],
  ['its hook', { op: 'replace', path: `${SIDECAR}/lifecycle/postStart/exec/command`, value: ['/bin/true'] }, 'replace'],
  ['a read-only mount', { op: 'add', path: `${SIDECAR}/volumeMounts/1/readOnly`, value: true }, 'replace'],
  ['a part of a volume', { op: 'add', path: `${SIDECAR}/volumeMounts/1/subPath`, value: 'x' }, 'replace'],
  [
    'the API token in the place of ours',
    { op: 'replace', path: `${SIDECAR}/volumeMounts/0/name`, value: 'kube-api-access' },
    'replace',
  ],
])('what another webhook changed of ours is put right: %s', (_name, change, op) => {
  const whole = injected()
  const meddled = changed(whole, change)
  const patch = patchOf(meddled)
  expect(patch.map((operation) => [operation.op, operation.path.startsWith(SIDECAR)])).toEqual([[op, true]])
  expect(applied(meddled, patch)).toEqual(whole)
  expect(patchOf(applied(meddled, patch))).toEqual([])
})

test('a fetching container that was made to run for ever ends again', () => {
  const whole = injected({ ...ROLE, start: 'init' })
  const endless = changed(whole, { op: 'add', path: `${SIDECAR}/restartPolicy`, value: 'Always' })
  expect(patchOf(endless)).toEqual([{ op: 'remove', path: `${SIDECAR}/restartPolicy` }])
})

test('a hook where nobody waits is taken away', () => {
  const whole = injected({ ...ROLE, start: 'now' })
  const hook = { postStart: { exec: { command: ['/bin/true'] } }, preStop: { sleep: { seconds: 1 } } }
  const hooked = changed(whole, { op: 'add', path: `${SIDECAR}/lifecycle`, value: hook })
  expect(patchOf(hooked)).toEqual([{ op: 'remove', path: `${SIDECAR}/lifecycle/postStart` }])
})

const init = (name: string, parts: JsonObject = {}) => ({ name, image: `registry.example/${name}:1`, ...parts })
const native = (name: string) => init(name, { restartPolicy: 'Always' })

test.each<[string, JsonObject[], string[]]>([
  ['no init container', [], ['token-projector']],
  ['ordinary ones', [init('migrate')], ['token-projector', 'migrate']],
  [
    "Istio's proxy",
    [init('istio-init'), native('istio-proxy'), init('migrate')],
    ['istio-init', 'istio-proxy', 'token-projector', 'migrate'],
  ],
  [
    "Linkerd's proxy",
    [init('linkerd-init'), native('linkerd-proxy')],
    ['linkerd-init', 'linkerd-proxy', 'token-projector'],
  ],
  ["Kuma's proxy", [init('kuma-init'), native('kuma-sidecar')], ['kuma-init', 'kuma-sidecar', 'token-projector']],
  ["Consul's proxy", [native('consul-dataplane')], ['consul-dataplane', 'token-projector']],
  ['a proxy that ends', [init('istio-proxy')], ['token-projector', 'istio-proxy']],
  ['another native sidecar', [native('logs')], ['token-projector', 'logs']],
])(
  'ours stands in front, or directly behind a mesh proxy that is a native sidecar: %s',
  (_name, initContainers, names) => {
    const pod = injected(ROLE, { initContainers })
    expect(listsOf(pod).initContainers.map(({ name }) => name)).toEqual(names)
    expect(patchOf(pod)).toEqual([])
  },
)

test.each<[string, Record<string, string>, Change[], string[]]>([
  [
    'one put in front of ours',
    ROLE,
    [{ op: 'add', path: SIDECAR, value: init('migrate') }],
    ['token-projector', 'migrate'],
  ],
  [
    'a mesh proxy put behind ours',
    ROLE,
    [{ op: 'add', path: '/spec/initContainers/1', value: native('istio-proxy') }],
    ['istio-proxy', 'token-projector'],
  ],
  [
    'a mesh proxy put behind both of ours',
    { ...ROLE, start: 'init' },
    [
      { op: 'add', path: '/spec/initContainers/-', value: native('istio-proxy') },
      { op: 'add', path: '/spec/initContainers/-', value: init('migrate') },
    ],
    ['istio-proxy', 'token-projector-fetch', 'token-projector', 'migrate'],
  ],
  [
    'both of ours apart',
    { ...ROLE, start: 'init' },
    [{ op: 'add', path: '/spec/initContainers/1', value: native('linkerd-proxy') }],
    ['linkerd-proxy', 'token-projector-fetch', 'token-projector'],
  ],
  [
    'both of ours in the wrong order',
    { ...ROLE, start: 'init' },
    [{ op: 'move', from: '/spec/initContainers/1', path: SIDECAR }],
    ['token-projector-fetch', 'token-projector'],
  ],
])('ours goes back to its place and the others keep their order: %s', (_name, annotations, changes, names) => {
  const meddled = changed(injected(annotations), ...changes)
  const patch = patchOf(meddled)
  const after = applied(meddled, patch)
  expect(listsOf(after).initContainers.map(({ name }) => name)).toEqual(names)
  expect(new Set(patch.map(({ op }) => op))).toContain('move')
  expect(patchOf(after)).toEqual([])
})

const CONFIGURATION = `${SIDECAR}/env/0/value`

function withConfiguration(change: (configuration: JsonObject) => JsonObject): JsonObject {
  const whole = injected()
  const configuration = JSON.parse(listsOf(whole).initContainers[0]?.env[0]?.value ?? '') as JsonObject
  return changed(whole, { op: 'replace', path: CONFIGURATION, value: JSON.stringify(change(configuration)) })
}

test.each<[string, (configuration: JsonObject) => JsonObject]>([
  ['with other roots', (all) => ({ ...all, signer: { ...(all['signer'] as JsonObject), caBundle: 'PEM' } })],
  ['of a newer version', (all) => ({ ...all, inventedByTomorrow: 1 })],
  ['of an older version', ({ localApi: _localApi, ...rest }) => rest],
])('a configuration that another replica wrote stays: %s', (_name, change) => {
  expect(patchOf(withConfiguration(change))).toEqual([])
})

test.each<[string, (configuration: JsonObject) => JsonObject]>([
  ['for another signer', (all) => ({ ...all, signer: { url: 'https://evil.example' } })],
  ['for another audience', (all) => ({ ...all, tokens: [{ name: 'aws', audience: 'x', ttlSeconds: 3600 }] })],
  ['of another major version', (all) => ({ ...all, version: 2 })],
])('any other configuration is refused: %s', (_name, change) => {
  expect(refusalsOf(withConfiguration(change))).toEqual([expect.stringContaining('TOKEN_PROJECTOR_SIDECAR is not')])
})

test('a container of our name with another program is left to the refusal', () => {
  const foreign = changed(injected(), { op: 'replace', path: `${SIDECAR}/command`, value: ['sh'] })
  expect(refusalsOf(foreign)).toEqual([expect.stringContaining('command is not')])
})

const invented = (name: string) => ({ name, inventedByTomorrow: { a: [1] } })

/** Everything that another webhook could do to our containers and between them, by JSON patches. */
const meddling = fc.subarray<Change[]>([
  [{ op: 'replace', path: `${SIDECAR}/args`, value: ['x'] }],
  [{ op: 'remove', path: `${SIDECAR}/restartPolicy` }],
  [{ op: 'remove', path: `${SIDECAR}/lifecycle` }],
  [{ op: 'replace', path: `${SIDECAR}/volumeMounts/0`, value: { ...IDENTITY_MOUNT, name: 'x' } }],
  [{ op: 'replace', path: `${SIDECAR}/volumeMounts/1`, value: { ...TOKENS_MOUNT, readOnly: true } }],
  [{ op: 'replace', path: `${SIDECAR}/image`, value: 'mirror.example/x' }],
  [{ op: 'add', path: `${SIDECAR}/imagePullPolicy`, value: 'Never' }],
  [{ op: 'add', path: `${SIDECAR}/inventedByTomorrow`, value: [{}] }],
  [{ op: 'add', path: `${APP}/inventedByTomorrow`, value: [{}] }],
  [{ op: 'add', path: '/spec/initContainers/-', value: invented('late') }],
  [{ op: 'add', path: SIDECAR, value: invented('early') }],
  [{ op: 'add', path: '/spec/initContainers/-', value: native('kuma-sidecar') }],
])

test('whatever was meddled with: mending touches ours alone, ends whole, and once is enough', () => {
  const whole = injected()
  const clean = listsOf(whole).initContainers[0]
  fc.assert(
    fc.property(meddling, (changes) => {
      const meddled = changed(whole, ...changes.flat())
      const outcome = project(meddled)
      if (outcome.outcome !== 'injected') throw new Error(JSON.stringify(outcome))
      expect(applied(meddled, outcome.patch)).toEqual(outcome.pod)
      expect(patchOf(outcome.pod)).toEqual([])
      const theirs = (pod: JsonObject) => listsOf(pod).initContainers.filter(({ name }) => name !== 'token-projector')
      expect(theirs(outcome.pod).map(({ name }) => name)).toEqual(theirs(meddled).map(({ name }) => name))
      for (const [index, before] of theirs(meddled).entries()) expect(theirs(outcome.pod)[index]).toMatchObject(before)
      const mended = listsOf(outcome.pod).initContainers.find(({ name }) => name === 'token-projector') as JsonObject
      const { image: _image, imagePullPolicy: _policy, inventedByTomorrow: _invented, ...ours } = mended
      expect({ ...ours, image: clean?.['image'] }).toEqual(clean)
      const place = listsOf(meddled).initContainers.findIndex(({ name }) => name === 'token-projector')
      for (const operation of outcome.patch.filter(({ op }) => op === 'replace' || op === 'remove')) {
        expect(operation.path).toMatch(new RegExp(`^/spec/initContainers/${place}/`))
      }
      for (const operation of outcome.patch) {
        if (operation.op === 'move') expect(operation.from).toBe(`/spec/initContainers/${place}`)
      }
    }),
    { numRuns: 300 },
  )
})

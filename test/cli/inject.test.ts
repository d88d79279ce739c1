/** Shows that `inject` changes what has opted in, and not one byte besides. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { DEFAULT_IMAGE, DEFAULT_SIGNER_URL } from '../../src/cli/defaults.ts'
import { type InjectOptions, inject } from '../../src/cli/inject.ts'
import { EXIT } from '../../src/contract.ts'
import { folderWith, policyFor } from './launch.ts'

const P = 'token-projector.dev'
const OPTIONS: InjectOptions = {
  file: '-',
  namespace: 'default',
  prefix: `${P}/`,
  image: DEFAULT_IMAGE,
  signerUrl: DEFAULT_SIGNER_URL,
  signerCa: undefined,
  identityAudience: 'https://issuer.example/token',
  policyFile: undefined,
}

async function run(text: string | Uint8Array, options: Partial<InjectOptions> = {}) {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  const said: string[] = []
  let out: string | undefined
  const outcome = await inject(
    { ...OPTIONS, ...options },
    {
      stdin: async () => bytes,
      writeOut: (written) => {
        out = written
      },
      warn: (sentence) => said.push(sentence),
    },
  )
  return { ...outcome, out, warnings: said }
}

const SPEC = 'spec: {containers: [{name: app, image: app}]}'
const OPTED_IN = `metadata: {name: app, annotations: {${P}/audience: https://api.example}}`
const POD = `apiVersion: v1\nkind: Pod\n${OPTED_IN}\n${SPEC}\n`

test.each([
  ['nothing at all', ''],
  ['comments alone', '# one\n\n# two'],
  ['empty documents', '---\n---\n\n---\n'],
  ['a pod without annotations of ours', `apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n${SPEC}`],
  ['a pod without a newline at its end', 'kind: Pod\napiVersion: v1'],
  ['Windows line ends', 'apiVersion: v1\r\nkind: Pod # x\r\n---\r\nkind: Other\r\n'],
  ['a byte order mark', '\ufeffapiVersion: v1\nkind: Pod\n'],
  ['odd spacing, quotes and comments', 'a:   1    # x\n"b" :   [ 1,2 ]\n\n\nc: !!str 1\n'],
  ['anchors, aliases and merge keys', 'x: &x {a: 1}\ny: *x\nz:\n  <<: *x\n  b: 2\n'],
  ['block scalars with every chomping', 'a: |+\n  x\n\n\nb: >-\n  y\n  z\nc: |2\n   q\n'],
  ['directives and document ends', '%YAML 1.1\n---\na: 0644\n...\n---\nb: 12:30\n...\n'],
  ['what looks like a separator in a block scalar', 'a: |\n  ---\n  b\n'],
  ['a tag of another tool', 'Value: !Ref Thing\n'],
  ['JSON', '{"kind":"Pod","apiVersion":"v1",  "metadata":{} }'],
  ['a List without pods', 'apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service}\n'],
  ['a workload of another group', 'apiVersion: batch.volcano.sh/v1\nkind: Job\nspec: {template: {metadata: {}}}\n'],
  ['a scalar', 'just text\n'],
  ['tabs and trailing spaces', 'a: 1  \t\nb:\t2\n'],
])('%s comes back byte for byte', async (_name, text) => {
  const result = await run(text)
  expect(result).toMatchObject({ exitCode: EXIT.ok, messages: [] })
  expect(result.out).toBe(text)
})

const template = `template:\n  ${OPTED_IN}\n  ${SPEC}`
const nest = (depth: number, text: string) => text.replace(/^/gm, '  '.repeat(depth))

test.each([
  ['Pod', 'v1', `${OPTED_IN}\n${SPEC}`],
  ['PodTemplate', 'v1', template],
  ['ReplicationController', 'v1', `spec:\n${nest(1, template)}`],
  ['Deployment', 'apps/v1', `spec:\n${nest(1, template)}`],
  ['ReplicaSet', 'apps/v1', `spec:\n${nest(1, template)}`],
  ['StatefulSet', 'apps/v1', `spec:\n${nest(1, template)}`],
  ['DaemonSet', 'apps/v1', `spec:\n${nest(1, template)}`],
  ['Job', 'batch/v1', `spec:\n${nest(1, template)}`],
  ['CronJob', 'batch/v1', `spec:\n  jobTemplate:\n    spec:\n${nest(3, template)}`],
  ['List', 'v1', `items:\n- apiVersion: v1\n  kind: Pod\n${nest(1, `${OPTED_IN}\n${SPEC}`)}`],
  ['PodList', 'v1', `items:\n- metadata: ${OPTED_IN.slice('metadata: '.length)}\n  ${SPEC}`],
])('a %s is injected once, and twice is once', async (kind, apiVersion, body) => {
  const once = await run(`apiVersion: ${apiVersion}\nkind: ${kind}\n${body}\n`)
  expect(once).toMatchObject({ exitCode: EXIT.ok, messages: [] })
  expect(once.out?.match(/name: token-projector[,\n]/g)).toHaveLength(1)
  const twice = await run(once.out ?? '')
  expect(twice.out).toBe(once.out)
})

test('a changed document keeps its comments, its style and the notation of its numbers; its neighbours every byte', async () => {
  const before = `# first
apiVersion: v1
kind: ConfigMap
data:   {when: 2020-01-01}   # odd
--- # second
apiVersion: v1
kind: Pod
metadata:
  name: "app"   # quoted
  annotations:
    # why
    ${P}/audience: 'https://api.example'
spec:
  containers:
  # the one
  - name: app
    image: app
    args: ["a", 'b']
    volumeMounts: [{name: data, mountPath: /data}]

  volumes:
  - name: data
    secret: {secretName: s, defaultMode: 0400} # octal
    # last
---
kind: Last # third`
  const { out = '' } = await run(before)
  expect(out.startsWith(before.slice(0, before.indexOf('metadata:')))).toBe(true)
  expect(out.endsWith('---\nkind: Last # third')).toBe(true)
  for (const kept of ['# quoted', '# why', '# the one', 'defaultMode: 0400', '# octal', '# last', `["a", 'b']`]) {
    expect(out).toContain(kept)
  }
  expect(out).toContain('\n  - name: app\n')
  expect(out).toContain('mountPath: /var/run/secrets/token-projector.dev/tokens')
})

test('Windows line ends stay in a changed document', async () => {
  const { out = '' } = await run(POD.replaceAll('\n', '\r\n'))
  expect(out).toContain('token-projector-tokens')
  expect(out.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
})

test.each([
  ['compact', undefined],
  ['two spaces', 2],
  ['tabs', '\t'],
])('JSON stays JSON: %s', async (_name, indent) => {
  const pod = parseAllDocuments(POD)[0]?.toJS()
  const text = `${JSON.stringify(pod, null, indent)}\n`
  const { out = '' } = await run(text)
  const injected = JSON.parse(out)
  expect(injected.spec.initContainers[0].name).toBe('token-projector')
  expect(out).toBe(`${JSON.stringify(injected, null, indent)}\n`)
  expect((await run(out)).out).toBe(out)
})

test('JSON documents between YAML separators stay JSON', async () => {
  const json = JSON.stringify(parseAllDocuments(POD)[0]?.toJS())
  const { out = '' } = await run(`a: 1 # x\n---\n${json}\n`)
  const [first, second] = out.split('---\n')
  expect(first).toBe('a: 1 # x\n')
  expect(JSON.parse(second ?? '').spec.volumes).toHaveLength(2)
})

test('containers that share a list by an alias each get a mount of their own', async () => {
  const { out = '', exitCode } = await run(`apiVersion: v1
kind: Pod
${OPTED_IN}
spec:
  containers:
  - name: a # first
    env: &env [{name: A, value: x}]
  - name: b
    env: *env
`)
  expect(exitCode).toBe(EXIT.ok)
  const pod = parseAllDocuments(out)[0]?.toJS()
  const mounts = pod.spec.containers.map((one: { volumeMounts: unknown[] }) => one.volumeMounts.length)
  expect(mounts).toEqual([1, 1])
  expect(out).toContain('# first')
})

test('a merge key costs the comments of its document and nothing else', async () => {
  const { out = '', exitCode } = await run(`apiVersion: v1
kind: Pod
${OPTED_IN}
x-base: &base {image: app, volumeMounts: [{name: d, mountPath: /d}]}
spec:
  volumes: [{name: d, emptyDir: {}}]
  containers:
  - name: a
    <<: *base
`)
  expect(exitCode).toBe(EXIT.ok)
  const [container] = parseAllDocuments(out, { merge: true })[0]?.toJS().spec.containers ?? []
  expect(container.volumeMounts).toHaveLength(2)
  expect(container.image).toBe('app')
})

test('the namespace of an object decides; --namespace stands in where it names none', async () => {
  const folder = folderWith({ 'policy.yaml': policyFor('shop', 'default', 'https://api.example') })
  const policyFile = join(folder, 'policy.yaml')
  expect(await run(POD, { policyFile })).toMatchObject({ exitCode: EXIT.refused, out: undefined })
  expect(await run(POD, { policyFile, namespace: 'shop' })).toMatchObject({ exitCode: EXIT.ok })
  const named = POD.replace('name: app,', 'name: app, namespace: shop,')
  expect(await run(named, { policyFile })).toMatchObject({ exitCode: EXIT.ok })
})

test('nothing is written when one document of many is refused, and every refusal names its document', async () => {
  const misspelt = POD.replace('audience:', 'audiense:')
  const result = await run(`${POD}---\n${misspelt}---\n${POD}---\n${misspelt}`)
  expect(result).toMatchObject({ exitCode: EXIT.data, out: undefined })
  expect(result.messages).toHaveLength(2)
  expect(result.messages[0]).toMatch(/^standard input: document 2, Pod\/app: .*audiense/)
  expect(result.messages[0]).toContain(`${P}/audience`)
  expect(result.messages[1]).toMatch(/document 4/)
})

test('input comes before policy in the exit code when both refuse', async () => {
  const folder = folderWith({ 'policy.yaml': policyFor('nobody', 'default', 'https://api.example') })
  const both = `${POD}---\n${POD.replace('audience:', 'audiense:')}`
  const result = await run(both, { policyFile: join(folder, 'policy.yaml') })
  expect(result.exitCode).toBe(EXIT.data)
  expect(result.messages).toHaveLength(2)
})

test.each([
  ['a bracket that nobody closes', 'a: [1\nb: 2\n', /^standard input:2:1: /],
  ['a mistake in the second document', 'a: 1\n---\nb: 1\nb: 2\n', /^standard input:4:1: .*unique/],
  ['a template of another tool', 'a: {{ .Values.x }}\n', /^standard input:1:/],
  ['an alias without its anchor', 'a: *nobody\n', /^standard input/],
])('broken YAML is refused with its place: %s', async (_name, text, expected) => {
  const result = await run(text)
  expect(result).toMatchObject({ exitCode: EXIT.data, out: undefined })
  expect(result.messages.join('\n')).toMatch(expected)
})

test('every mistake of a stream is reported', async () => {
  const { messages } = await run('a: 1\na: 2\n---\nb: 1\nb: 2\n')
  expect(messages.join('\n').match(/unique/g)).toHaveLength(2)
})

test('what is not UTF-8 is refused', async () => {
  await expect(run(Uint8Array.of(0x61, 0xff))).rejects.toMatchObject({ reason: 'input-malformed' })
})

test('a pod that is not shaped like one is refused with its place', async () => {
  const text = POD.replace(SPEC, 'spec: {containers: [app]}')
  const result = await run(text)
  expect(result.exitCode).toBe(EXIT.data)
  expect(result.messages.join()).toContain('spec.containers')
})

test('an annotation on the workload itself changes nothing and earns a warning that says where it belongs', async () => {
  const text = `apiVersion: apps/v1\nkind: Deployment\n${OPTED_IN}\nspec: {template: {${SPEC}}}\n`
  const result = await run(text)
  expect(result.out).toBe(text)
  expect(result.warnings.join()).toContain('spec.template.metadata.annotations')
})

test('every mistake of a policy file is reported', async () => {
  const three = policyFor('a', 'b', 'c').replace('Allow', 'Maybe').replace('from:', 'form:')
  const folder = folderWith({ 'policy.yaml': three })
  await expect(run(POD, { policyFile: join(folder, 'policy.yaml') })).rejects.toMatchObject({
    reason: 'configuration-invalid',
    message: expect.stringMatching(/spec\.effect.*spec\.f|spec\.f.*spec\.effect/s),
  })
})

test.each([
  ['--signer-ca', { signerCa: '/nowhere/ca.crt' }],
  ['--policy', { policyFile: '/nowhere/policy.yaml' }],
])('a file that cannot be read is named: %s', async (name, options) => {
  await expect(run(POD, options)).rejects.toMatchObject({
    reason: 'configuration-invalid',
    message: expect.stringContaining(name),
  })
})

test('the roots of --signer-ca go into the sidecar’s configuration', async () => {
  const pem = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n'
  const folder = folderWith({ 'ca.crt': pem })
  const { out = '' } = await run(POD, { signerCa: join(folder, 'ca.crt'), signerUrl: 'https://signer.example' })
  const [{ env }] = parseAllDocuments(out)[0]?.toJS().spec.initContainers ?? []
  expect(JSON.parse(env[0].value).signer).toEqual({ url: 'https://signer.example', caBundle: pem })
})

/** What the chart renders keeps the conventions, in every variant and for every version of Kubernetes. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { VERSION } from '../../src/version.ts'
import { CHART, helm, NAMESPACE, ofKind, RELEASE, type Rendered, render, renderText, withRequired } from './helm.ts'
import { podTemplates, restrictedProblems } from './restricted.ts'
import { VARIANTS } from './variants.ts'

const variants = Object.entries(VARIANTS)
const CLUSTER_KINDS = [
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'MutatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
]

test.each(variants)('helm lint finds nothing to warn of: %s', async (_name, values) => {
  const report = await helm(['lint', '--strict', CHART, '--values', '-'], {
    input: JSON.stringify(withRequired(values)),
  })
  expect(report).toContain('0 chart(s) failed')
})

test.each(['1.30.0', '1.33.4', '1.37.2', '1.34.1-gke.1829000'])('Kubernetes %s gets every variant', async (version) => {
  for (const [, values] of variants) expect((await render(values, version)).length).toBeGreaterThan(10)
})

test('a Kubernetes that is too old is refused with the version that is needed', async () => {
  await expect(renderText({}, '1.29.14')).rejects.toThrow('>=1.30.0-0')
})

test.each(variants)('rendering again gives the same bytes: %s', async (_name, values) => {
  expect(await renderText(values)).toBe(await renderText(values))
})

test('nothing is looked up in a cluster, made of chance, or left to hooks that GitOps tools skip', async () => {
  const sources = globSync('templates/**/*', { cwd: CHART, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n')
  expect(sources).not.toMatch(/\b(lookup|genCA|genSignedCert|genPrivateKey|rand[A-Z]\w+|uuidv4|now)\b.*\}\}/)
  const hooks = (await render()).filter(({ manifest }) => manifest['metadata'].annotations?.['helm.sh/hook'])
  expect(hooks.map(({ template }) => template)).toEqual(['tests/signer-pod.yaml', 'tests/webhook-pod.yaml'])
})

test('every template is rendered by some variant, and each holds one object', async () => {
  const seen = new Set<string>()
  for (const [, values] of variants) {
    const templates = (await render(values)).map(({ template }) => template)
    expect(new Set(templates).size).toBe(templates.length)
    for (const template of templates) seen.add(template)
  }
  expect([...seen].sort()).toEqual(globSync('**/*.yaml', { cwd: join(CHART, 'templates') }).sort())
})

test.each(variants)('files are named by component and kind: %s', async (_name, values) => {
  for (const { template, manifest } of await render(values)) {
    const component: string = manifest['metadata'].labels['app.kubernetes.io/component']
    const expected = template.startsWith('tests/')
      ? /^tests\/\w+-pod\.yaml$/
      : new RegExp(`^${component}-([a-z-]+-)?${manifest['kind'].toLowerCase()}\\.yaml$`)
    expect(template).toMatch(expected)
  }
})

test.each(variants)('objects carry the common labels and their place in their name: %s', async (_name, values) => {
  const fullname = (values['fullnameOverride'] as string | undefined) ?? RELEASE
  for (const { manifest } of await render(values)) {
    const { metadata, kind } = manifest
    expect(metadata.labels).toMatchObject({
      'app.kubernetes.io/name': 'token-projector',
      'app.kubernetes.io/instance': RELEASE,
      'app.kubernetes.io/version': VERSION,
      'app.kubernetes.io/managed-by': 'Helm',
      'app.kubernetes.io/part-of': 'token-projector',
      'helm.sh/chart': `token-projector-${VERSION}`,
      ...(values['commonLabels'] as object | undefined),
    })
    expect(metadata.namespace).toBe(CLUSTER_KINDS.includes(kind) ? undefined : NAMESPACE)
    if (kind === 'CustomResourceDefinition') continue
    const isOwn = kind !== 'ServiceAccount' || metadata.name.startsWith(fullname)
    if (isOwn) expect(metadata.name).toMatch(new RegExp(`^${fullname}(-|$)`))
    if (CLUSTER_KINDS.includes(kind)) expect(metadata.name).toMatch(new RegExp(`\\.${NAMESPACE}$`))
    expect(metadata.name.length).toBeLessThanOrEqual(63)
  }
})

test('names stay short enough for the longest names of release and namespace', async () => {
  const long = 'r'.repeat(53)
  const text = await helm(
    ['template', long, CHART, '--namespace', 'n'.repeat(63), '--kube-version', '1.37.0', '--values', '-'],
    { input: JSON.stringify(withRequired({})) },
  )
  const names = [...text.matchAll(/^ {2}name: (\S+)$/gm)].map(([, name = '']) => name)
  expect(names.filter((name) => (name.split('.')[0] ?? '').length > 63)).toEqual([])
})

test.each(variants)('no Secret has content, so that no upgrade can take any away: %s', async (_name, values) => {
  for (const secret of ofKind(await render(values), 'Secret')) {
    expect(Object.keys(secret).sort()).toEqual(['apiVersion', 'kind', 'metadata', 'type'])
    expect(secret['type']).toBe('Opaque')
  }
})

test('the ConfigMaps that processes fill have no content either', async () => {
  const empty = ofKind(await render(), 'ConfigMap').filter((configMap) => !('data' in configMap))
  expect(empty.map(({ metadata }) => metadata.name).sort()).toEqual([
    'token-projector-signer-ca',
    'token-projector-signer-keys-public',
  ])
})

test('the key Secret alone outlives the release', async () => {
  const kept = (rendered: Rendered[]) =>
    rendered
      .filter(({ manifest }) => manifest['metadata'].annotations?.['helm.sh/resource-policy'] === 'keep')
      .map(({ manifest }) => manifest['metadata'].name)
  expect(kept(await render())).toEqual(['token-projector-signer-keys'])
  expect(kept(await render({ crds: { keep: true } })).sort()).toEqual([
    'audiencepolicies.token-projector.dev',
    'token-projector-signer-keys',
  ])
})

test.each(variants)('caBundle is nobody else’s to write: %s', async (_name, values) => {
  const given = (values['certificates'] as { webhook?: { caBundle?: string } } | undefined)?.webhook?.caBundle
  const written = (await renderText(values)).match(/^\s*caBundle: (\S+)$/m)?.[1]
  expect(written).toBe(given === undefined ? undefined : Buffer.from(given).toString('base64'))
})

test.each(variants)('every pod may run where Pod Security is restricted: %s', async (name, values) => {
  const pods = podTemplates(await render(values))
  expect(pods.map(({ owner }) => owner)).toHaveLength(4)
  const allowed = name.includes('network of the node') ? ['Deployment webhook: hostNetwork'] : []
  expect(pods.flatMap(restrictedProblems)).toEqual(allowed)
})

test('every container has a read-only root and says what it needs of processor and memory', async () => {
  for (const { spec } of podTemplates(await render())) {
    for (const container of spec.containers) {
      expect(container.securityContext.readOnlyRootFilesystem).toBe(true)
      expect(container.resources).toMatchObject({
        requests: { cpu: expect.any(String), memory: expect.any(String) },
        limits: { memory: expect.any(String) },
      })
    }
  }
})

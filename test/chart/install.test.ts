/** Helm installs, upgrades and uninstalls the chart on a real API server, and what processes wrote meanwhile stays. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../cluster/wait.ts'
import { type ApiServer, startApiServer } from './api-server.ts'
import { CHART, helm, type Manifest, NAMESPACE, parse, RELEASE, renderText, type Values, withRequired } from './helm.ts'

let server: ApiServer

function release(verb: 'install' | 'upgrade', values: Values = {}, ...flags: string[]): Promise<string> {
  return helm([verb, RELEASE, CHART, '--namespace', NAMESPACE, '--create-namespace', ...flags, '--values', '-'], {
    input: JSON.stringify(withRequired(values)),
    kubeconfig: server.kubeconfig,
  })
}

const inNamespace = (...args: string[]) => server.get(['--namespace', NAMESPACE, ...args]) as Promise<Manifest>

beforeAll(async () => {
  server = await startApiServer()
  await release('install')
})
afterAll(() => server.stop())

test('what is stored is what is rendered, so that GitOps tools see no difference', async () => {
  // A second owner meets a conflict wherever its value is not the stored one.
  const flags = ['--server-side', '--field-manager=gitops', '--dry-run=server', '--validate=strict', '-f', '-']
  const answer = await server.kubectl(['apply', ...flags], await renderText())
  expect(answer).not.toContain('conflict')
})

test('the expressions of the admission policies have the right types for every kind that they judge', async () => {
  for (const name of [`${RELEASE}-sidecar.${NAMESPACE}`, `${RELEASE}-workload.${NAMESPACE}`]) {
    const status = await until('the policy is checked', async () => {
      const policy = (await server.get(['validatingadmissionpolicy', name])) as Manifest
      if (policy['status']?.typeChecking === undefined) throw new Error('not yet')
      return policy['status']
    })
    expect(status.typeChecking).toEqual({})
  }
})

const misplaced = (annotations: Values, template: Values = {}): Manifest => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'checkout', namespace: 'default', annotations },
  spec: {
    selector: { matchLabels: { app: 'checkout' } },
    template: {
      metadata: { labels: { app: 'checkout' }, annotations: template },
      spec: { containers: [{ name: 'app', image: 'app' }] },
    },
  },
})
const cronJob = (own: Values, job: Values): Manifest => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name: 'report', namespace: 'default', annotations: own },
  spec: {
    schedule: '0 0 * * *',
    jobTemplate: {
      metadata: { annotations: job },
      spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'app', image: 'app' }] } } },
    },
  },
})
const AUDIENCE = { 'token-projector.dev/audience': 'sts.amazonaws.com' }
const create = (manifest: Manifest) =>
  server.kubectl(['create', '--dry-run=server', '-f', '-'], JSON.stringify(manifest))

test.each<[string, Manifest, string]>([
  ['a Deployment', misplaced(AUDIENCE), 'spec.template.metadata.annotations'],
  ['a CronJob', cronJob(AUDIENCE, {}), 'spec.jobTemplate.spec.template.metadata.annotations'],
  ["a CronJob's Jobs", cronJob({}, AUDIENCE), 'spec.jobTemplate.spec.template.metadata.annotations'],
])('our annotations on %s itself are refused, with the place where they belong', async (_name, manifest, place) => {
  const sentence = `token-projector.dev/audience does nothing here: pods are annotated by their template, so move it to ${place}`
  // A policy is in force a moment after it is stored.
  await until('the policy is in force', () => expect(create(manifest)).rejects.toThrow(sentence))
})

test.each<[string, Manifest]>([
  ['the template carries them too', misplaced(AUDIENCE, AUDIENCE)],
  ['they are somebody else’s', misplaced({ 'example.com/audience': 'x' })],
  [
    'a controller wrote the workload',
    {
      ...misplaced(AUDIENCE),
      metadata: {
        ...misplaced(AUDIENCE)['metadata'],
        ownerReferences: [{ apiVersion: 'example.com/v1', kind: 'App', name: 'checkout', uid: '1' }],
      },
    },
  ],
])('annotations on a workload are let pass where %s', async (_name, manifest) => {
  expect(await create(manifest)).toContain('created')
})

test('a workload that had them before the chart came can still be changed, and not be given more', async () => {
  const binding = ['validatingadmissionpolicybinding', `${RELEASE}-workload.${NAMESPACE}`]
  await server.kubectl(['delete', ...binding])
  await until('the policy is gone', async () => {
    const deployment = misplaced(AUDIENCE)
    await server.kubectl(['create', '-f', '-'], JSON.stringify(deployment))
  })
  await release('upgrade')
  await until('the policy is in force', () => expect(create(cronJob(AUDIENCE, {}))).rejects.toThrow('does nothing'))
  const annotate = (annotation: string) =>
    server.kubectl(['annotate', 'deployment', 'checkout', '--namespace', 'default', annotation])
  expect(await annotate('example.com/a=b')).toContain('annotated')
  await expect(annotate('token-projector.dev/ttl-seconds=900')).rejects.toThrow('ttl-seconds does nothing here')
})

const injected = (sidecar: Manifest): Manifest => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'checkout', namespace: 'default', annotations: AUDIENCE },
  spec: {
    initContainers: [{ name: 'token-projector', image: 'token-projector', ...sidecar }],
    containers: [{ name: 'app', image: 'app' }],
  },
})

test('a sidecar that lost its restartPolicy is refused in words that name the cause', async () => {
  // No webhook runs here, so that the pod comes as another webhook would have left it.
  await server.kubectl(['delete', 'mutatingwebhookconfiguration', `${RELEASE}-webhook.${NAMESPACE}`])
  try {
    await until('the webhook is gone', () => expect(create(injected({}))).rejects.toThrow('lost its restartPolicy'))
    expect(await create(injected({ restartPolicy: 'Always' }))).toContain('created')
    const bare = injected({})
    expect(await create({ ...bare, metadata: { ...bare['metadata'], annotations: {} } })).toContain('created')
  } finally {
    await release('upgrade')
  }
})

test('an annotated pod is refused while no webhook answers, and every other pod is not', async () => {
  const pod = injected({ restartPolicy: 'Always' })
  await until('the webhook is called', () =>
    expect(create(pod)).rejects.toThrow('failed calling webhook "pods.webhook.token-projector.dev"'),
  )
  const elsewhere = (namespace: string) => ({ ...pod, metadata: { ...pod['metadata'], namespace } })
  expect(await create({ ...pod, metadata: { name: 'plain', namespace: 'default' } })).toContain('created')
  expect(await create(elsewhere(NAMESPACE))).toContain('created')
  expect(await create(elsewhere('kube-system'))).toContain('created')
})

const mayDo = (serviceAccount: string, ...args: string[]) =>
  server
    .kubectl(['auth', 'can-i', ...args, '--as', `system:serviceaccount:${NAMESPACE}:${RELEASE}-${serviceAccount}`])
    .then(
      () => true,
      () => false,
    )
const KEYS = `secret/${RELEASE}-signer-keys`

test.each<[string, string, string[], boolean]>([
  ['the webhook', 'read the signing key', ['get', KEYS, '-n', NAMESPACE], false],
  ['the webhook', 'list Secrets', ['list', 'secrets', '-n', NAMESPACE], false],
  ['the webhook', "read the signer's certificate", ['get', `secret/${RELEASE}-signer-tls`, '-n', NAMESPACE], false],
  ['the webhook', 'write its certificate', ['update', `secret/${RELEASE}-webhook-tls`, '-n', NAMESPACE], true],
  ['the webhook', 'write policy', ['update', 'audiencepolicies'], false],
  ['the webhook', 'ask who a token is', ['create', 'tokenreviews'], false],
  ['the signer', 'read the signing key', ['get', KEYS, '-n', NAMESPACE], true],
  ['the signer', 'delete the signing key', ['delete', KEYS, '-n', NAMESPACE], false],
  ['the signer', 'make Secrets', ['create', 'secrets', '-n', NAMESPACE], false],
  ['the signer', 'list Secrets', ['list', 'secrets', '-n', NAMESPACE], false],
  ['the signer', 'read Secrets elsewhere', ['get', 'secrets', '-n', 'default'], false],
  ['the signer', 'ask who a token is', ['create', 'tokenreviews'], true],
  ['the signer', 'read a pod', ['get', 'pods', '-n', 'default'], true],
  ['the signer', 'write policy', ['update', 'audiencepolicies'], false],
  ['the signer', 'write the status of policy', ['patch', 'audiencepolicies', '--subresource=status'], true],
  ['the signer', 'change webhooks', ['patch', 'mutatingwebhookconfigurations'], false],
])('%s may %s: %s %s', async (who, _what, args, expected) => {
  expect(await mayDo(who.replace('the ', ''), ...args)).toBe(expected)
})

/** What processes write: content of Secrets and ConfigMaps, and the webhook's caBundle. */
async function fill(): Promise<void> {
  const patch = (what: string, content: Values) =>
    server.kubectl([
      'patch',
      '--namespace',
      NAMESPACE,
      ...what.split(' '),
      '--type=merge',
      '-p',
      JSON.stringify(content),
    ])
  await patch(`secret ${RELEASE}-signer-keys`, { data: { 'keys.json': 'a2V5cw==' } })
  await patch(`secret ${RELEASE}-webhook-tls`, { data: { 'tls.crt': 'Y3J0', 'tls.key': 'a2V5' } })
  await patch(`configmap ${RELEASE}-signer-ca`, { data: { 'ca.crt': 'roots' } })
  const add = [{ op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: 'Y2E=' }]
  const configuration = ['mutatingwebhookconfiguration', `${RELEASE}-webhook.${NAMESPACE}`]
  await server.kubectl(['patch', ...configuration, '--type=json', '-p', JSON.stringify(add)])
}

async function written(): Promise<unknown[]> {
  const configuration = (await server.get([
    'mutatingwebhookconfiguration',
    `${RELEASE}-webhook.${NAMESPACE}`,
  ])) as Manifest
  return [
    (await inNamespace('secret', `${RELEASE}-signer-keys`))['data'],
    (await inNamespace('secret', `${RELEASE}-webhook-tls`))['data'],
    (await inNamespace('configmap', `${RELEASE}-signer-ca`))['data'],
    configuration['webhooks'][0].clientConfig.caBundle,
  ]
}
const WRITTEN = [{ 'keys.json': 'a2V5cw==' }, { 'tls.crt': 'Y3J0', 'tls.key': 'a2V5' }, { 'ca.crt': 'roots' }, 'Y2E=']

test.each([
  ['an upgrade that applies on the server', ['--server-side=true']],
  ['an upgrade that merges three ways, as Helm 3 does', ['--server-side=false']],
])('%s leaves what processes wrote', async (_name, flags) => {
  await fill()
  await release('upgrade', { commonLabels: { round: String(flags).replaceAll(/\W/g, '') } }, ...flags)
  expect(await written()).toEqual(WRITTEN)
})

test('a rollback and a plain kubectl apply leave what processes wrote', async () => {
  await fill()
  await helm(['rollback', RELEASE, '1', '--namespace', NAMESPACE], { kubeconfig: server.kubeconfig })
  expect(await written()).toEqual(WRITTEN)
  await server.kubectl(['apply', '-f', '-'], await renderText({ commonLabels: { by: 'kubectl' } }))
  await server.kubectl(['apply', '-f', '-'], await renderText())
  expect(await written()).toEqual(WRITTEN)
})

test('an upgrade without changes rolls no pod', async () => {
  const generations = async () => {
    const { items } = (await inNamespace('deployments')) as { items: Manifest[] }
    return items.map(({ metadata }) => [metadata.name, metadata.generation])
  }
  await release('upgrade')
  const before = await generations()
  await release('upgrade')
  expect(await generations()).toEqual(before)
})

test('uninstalling leaves exactly the key Secret, and pods can be created', async () => {
  await fill()
  await helm(['uninstall', RELEASE, '--namespace', NAMESPACE], { kubeconfig: server.kubeconfig })
  const kinds = [...new Set(parse(await renderText()).map(({ manifest }) => manifest['kind']))]
  const left = await until('the resource of policies is gone', async () => {
    const wanted = kinds.filter((kind) => kind !== 'Pod').join(',')
    const selector = ['--selector', `app.kubernetes.io/instance=${RELEASE}`, '--output', 'name', '--all-namespaces']
    const names = await server.kubectl(['get', wanted, ...selector])
    if (names.includes('customresourcedefinition')) throw new Error('not yet')
    return names.trim().split('\n')
  })
  expect(left).toEqual([`secret/${RELEASE}-signer-keys`])
  await until('the webhook is gone', () => create(injected({ restartPolicy: 'Always' })))
})

test('installing again takes the kept keys up', async () => {
  await release('install')
  expect((await inNamespace('secret', `${RELEASE}-signer-keys`))['data']).toEqual({ 'keys.json': 'a2V5cw==' })
})

/** The chart and the code mean the same by every name, variable, path and port that both use. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import {
  DEFAULT_ANNOTATION_PREFIX,
  DISCOVERY_PATH,
  IMAGE_NODE,
  IMAGE_SIGNER,
  IMAGE_WEBHOOK,
  JWKS_PATH,
  SIDECAR_CONTAINER,
  SIDECAR_OPS_PORT,
  TOKENS_DIRECTORY,
} from '../../src/contract.ts'
import { parsePolicies } from '../../src/policy/document.ts'
import { parseSignerConfig, SIGNER_VARIABLES } from '../../src/signer/config.ts'
import { parseSettings, type SignerSettings } from '../../src/signer/config-file.ts'
import { ADMISSION_PATH } from '../../src/webhook/app.ts'
import { parseWebhookConfig, WEBHOOK_VARIABLES } from '../../src/webhook/config.ts'
import { CHART, type Manifest, NAMESPACE, named, ofKind, parse, type Rendered, render, renderText } from './helm.ts'
import { VARIANTS } from './variants.ts'

const variants = Object.entries(VARIANTS)
const PREFIX = 'TOKEN_PROJECTOR_'

function container(rendered: Rendered[], component: 'webhook' | 'signer'): Manifest {
  const deployment = ofKind(rendered, 'Deployment').find(({ metadata }) => metadata.name.endsWith(component))
  return deployment?.['spec'].template.spec.containers[0]
}

/** As the kubelet would set it. */
function environmentOf({ env }: Manifest): Record<string, string> {
  return Object.fromEntries(
    (env as Manifest[]).map((entry) => [entry['name'], entry['valueFrom'] ? NAMESPACE : entry['value']]),
  )
}

test.each(variants)('the processes read every variable that is set, and start with them: %s', async (_name, values) => {
  const rendered = await render(values)
  const webhook = environmentOf(container(rendered, 'webhook'))
  const signer = environmentOf(container(rendered, 'signer'))
  const known = (names: readonly string[]) => new Set(names.map((name) => PREFIX + name))
  expect(Object.keys(webhook).filter((name) => !known(WEBHOOK_VARIABLES).has(name))).toEqual([])
  expect(Object.keys(signer).filter((name) => !known(SIGNER_VARIABLES).has(name))).toEqual([])
  parseWebhookConfig(webhook)
  parseSignerConfig({ ...signer, [`${PREFIX}SIGNER_CONFIG`]: writeConfiguration(rendered) })
})

/** The ConfigMap as a mounted file. */
function writeConfiguration(rendered: Rendered[]): string {
  const text = ofKind(rendered, 'ConfigMap').find(({ data }) => data?.['signer.yaml'])?.['data']['signer.yaml']
  const file = join(mkdtempSync(join(inject('scratch'), 'signer-')), 'signer.yaml')
  writeFileSync(file, text)
  return file
}

test('no variable of one replica alone: the environment differs in nothing but the namespace', async () => {
  for (const component of ['webhook', 'signer'] as const) {
    const { env } = container(await render(), component)
    expect(env.filter((entry: Manifest) => entry['valueFrom']).map((entry: Manifest) => entry['name'])).toEqual([
      `${PREFIX}NAMESPACE`,
    ])
  }
})

test('what both sides name is one name: Secrets, ConfigMaps, configuration, URL and audience', async () => {
  const rendered = await render()
  const webhook = environmentOf(container(rendered, 'webhook'))
  const signer = environmentOf(container(rendered, 'signer'))
  named(rendered, 'Secret', webhook[`${PREFIX}TLS_SECRET`] ?? '')
  named(rendered, 'Secret', signer[`${PREFIX}TLS_SECRET`] ?? '')
  named(rendered, 'Secret', signer[`${PREFIX}KEY_SECRET`] ?? '')
  named(rendered, 'ConfigMap', `${signer[`${PREFIX}KEY_SECRET`]}-public`)
  named(rendered, 'ConfigMap', signer[`${PREFIX}SIGNER_CA_CONFIGMAP`] ?? '')
  named(rendered, 'MutatingWebhookConfiguration', webhook[`${PREFIX}WEBHOOK_CONFIGURATION`] ?? '')
  expect(webhook[`${PREFIX}SIGNER_CA_CONFIGMAP`]).toBe(signer[`${PREFIX}SIGNER_CA_CONFIGMAP`])
  expect(webhook[`${PREFIX}SIGNER_URL`]).toBe(`https://token-projector-signer.${NAMESPACE}.svc`)
  expect(signer[`${PREFIX}TLS_NAMES`]?.split(',')).toContain(`token-projector-signer.${NAMESPACE}.svc`)
  expect(webhook[`${PREFIX}TLS_NAMES`]).toBe(`token-projector-webhook.${NAMESPACE}.svc`)
  const { identityAudience } = parseSignerConfig({
    ...signer,
    [`${PREFIX}SIGNER_CONFIG`]: writeConfiguration(rendered),
  })
  expect(identityAudience).toBe(webhook[`${PREFIX}IDENTITY_AUDIENCE`])
})

test('admission and exchange deny the same audiences, whatever policy says', async () => {
  const rendered = await render({ cluster: { issuer: 'https://oidc.example.com/id', apiAudiences: ['https://api'] } })
  const { RESERVED_AUDIENCES } = parseWebhookConfig(environmentOf(container(rendered, 'webhook')))
  const { clusters } = parseSettings(
    ofKind(rendered, 'ConfigMap').find(({ data }) => data?.['signer.yaml'])?.['data']['signer.yaml'],
    'signer.yaml',
  ) as SignerSettings
  expect(RESERVED_AUDIENCES).toEqual(clusters.flatMap(({ issuer, apiAudiences }) => [issuer, ...apiAudiences]))
})

test.each([
  ['off', 0],
  [false, 0],
  ['refuse', 1],
])(
  'policyCheck %s: the webhook may read policy or has no role in the cluster that says so',
  async (policyCheck, count) => {
    const rendered = await render({ admission: { policyCheck }, certificates: { source: 'certManager' } })
    const roles = ofKind(rendered, 'ClusterRole').filter(({ metadata }) => metadata.name.includes('webhook'))
    const bindings = ofKind(rendered, 'ClusterRoleBinding').filter(({ metadata }) => metadata.name.includes('webhook'))
    expect([roles.length, bindings.length]).toEqual([count, count])
  },
)

test('the programs are where the image has them', async () => {
  const rendered = await render()
  const command = (component: 'webhook' | 'signer') => container(rendered, component)['command']
  expect(command('webhook')).toEqual([IMAGE_NODE, '--disable-sigusr1', IMAGE_WEBHOOK])
  expect(command('signer')).toEqual([IMAGE_NODE, '--disable-sigusr1', IMAGE_SIGNER])
  for (const pod of ofKind(rendered, 'Pod')) expect(pod['spec'].containers[0].command[0]).toBe(IMAGE_NODE)
})

test.each(variants)('listeners, container ports, Services and policies agree on ports: %s', async (_name, values) => {
  const rendered = await render(values)
  for (const service of ofKind(rendered, 'Service')) {
    const component = service['spec'].selector['app.kubernetes.io/component']
    const names = container(rendered, component)['ports'].map((port: Manifest) => port['name'])
    for (const { targetPort } of service['spec'].ports) expect(names).toContain(targetPort)
  }
  for (const component of ['webhook', 'signer'] as const) {
    const { ports, ...rest } = container(rendered, component)
    const declared = (ports as Manifest[]).map(({ containerPort }) => containerPort).sort()
    const listened = Object.entries(environmentOf(rest))
      .filter(([name]) => name.endsWith('_LISTEN'))
      .map(([, value]) => Number(value.split(':').at(-1)))
    expect(listened.sort()).toEqual(declared)
    const policy = ofKind(rendered, 'NetworkPolicy').find(({ metadata }) => metadata.name.endsWith(component))
    const open = (policy?.['spec'].ingress as Manifest[] | undefined)?.flatMap((rule) => rule['ports'] as Manifest[])
    if (open !== undefined) expect(open.map(({ port }) => port).sort()).toEqual(declared)
  }
})

test('the exchange is open to every pod, since the address of one that waits for its first token is unknown', async () => {
  const policy = named(await render(), 'NetworkPolicy', 'token-projector-signer')
  const exchange = policy['spec'].ingress.find((rule: Manifest) =>
    rule['ports'].some((port: Manifest) => port['port'] === 8443),
  )
  expect(Object.keys(exchange)).toEqual(['ports'])
})

test('discovery is served while the exchange is not ready', async () => {
  const rendered = await render()
  expect(named(rendered, 'Service', 'token-projector-signer-public')['spec'].publishNotReadyAddresses).toBe(true)
  expect(named(rendered, 'Service', 'token-projector-signer')['spec'].publishNotReadyAddresses).toBeUndefined()
})

test('the webhook is called for annotated pods alone, where and as it wants to be', async () => {
  const configuration = named(await render(), 'MutatingWebhookConfiguration', `token-projector-webhook.${NAMESPACE}`)
  expect(configuration['webhooks']).toHaveLength(1)
  const [webhook] = configuration['webhooks']
  expect(webhook).toMatchObject({
    admissionReviewVersions: ['v1'],
    failurePolicy: 'Fail',
    reinvocationPolicy: 'IfNeeded',
    sideEffects: 'None',
    timeoutSeconds: 5,
    matchPolicy: 'Equivalent',
    clientConfig: { service: { path: ADMISSION_PATH, port: 443, name: 'token-projector-webhook' } },
    rules: [{ operations: ['CREATE'], resources: ['pods'] }],
  })
  expect(webhook.matchConditions[0].expression).toContain(`startsWith('${DEFAULT_ANNOTATION_PREFIX}')`)
  expect(webhook.namespaceSelector.matchExpressions).toEqual([
    {
      key: 'kubernetes.io/metadata.name',
      operator: 'NotIn',
      values: [NAMESPACE, 'kube-system', 'kube-node-lease'],
    },
  ])
})

test('a prefix of one’s own is the prefix everywhere', async () => {
  const text = await renderText({ admission: { annotationPrefix: 'identity.example.com/' } })
  expect(text).not.toContain(`'${DEFAULT_ANNOTATION_PREFIX}'`)
  const prefixes = parse(text).flatMap(({ manifest }) => JSON.stringify(manifest).match(/startsWith\('[^']+'\)/g) ?? [])
  expect(new Set(prefixes)).toEqual(new Set(["startsWith('identity.example.com/')"]))
})

test.each([
  ['https://issuer.token-projector.test', ''],
  ['https://id.example.com/clusters/eu-1', '/clusters/eu-1'],
])('discovery is published at %s and nothing else is', async (url, path) => {
  const gateway = { enabled: true, parentRefs: [{ name: 'public' }] }
  const rendered = await render({ issuer: { url }, discovery: { ingress: { enabled: true }, gateway } })
  const [ingress] = ofKind(rendered, 'Ingress')
  const [route] = ofKind(rendered, 'HTTPRoute')
  const { host } = new URL(url)
  expect(ingress?.['spec'].rules[0].host).toBe(host)
  expect(route?.['spec'].hostnames).toEqual([host])
  const paths = [path + DISCOVERY_PATH, path + JWKS_PATH]
  expect(ingress?.['spec'].rules[0].http.paths.map((entry: Manifest) => [entry['path'], entry['pathType']])).toEqual(
    paths.map((one) => [one, 'Exact']),
  )
  expect(route?.['spec'].rules[0].matches.map((match: Manifest) => match['path'])).toEqual(
    paths.map((value) => ({ type: 'Exact', value })),
  )
})

test('the gateway verifies the signer by what the signer publishes, under a name of its certificate', async () => {
  const gateway = { enabled: true, parentRefs: [{ name: 'public' }] }
  const rendered = await render({ discovery: { gateway } })
  const [policy] = ofKind(rendered, 'BackendTLSPolicy')
  const signer = environmentOf(container(rendered, 'signer'))
  expect(signer[`${PREFIX}TLS_NAMES`]?.split(',')).toContain(policy?.['spec'].validation.hostname)
  expect(policy?.['spec'].validation.caCertificateRefs[0].name).toBe(signer[`${PREFIX}SIGNER_CA_CONFIGMAP`])
})

test('with cert-manager the certificates are for the same names as without', async () => {
  const rendered = await render({ certificates: { source: 'certManager' } })
  const own = await render()
  for (const component of ['webhook', 'signer'] as const) {
    const names = environmentOf(container(own, component))[`${PREFIX}TLS_NAMES`]?.split(',')
    expect(named(rendered, 'Certificate', `token-projector-${component}`)['spec'].dnsNames).toEqual(names)
  }
  const [configuration] = ofKind(rendered, 'MutatingWebhookConfiguration')
  expect(configuration?.['metadata'].annotations).toEqual({
    'cert-manager.io/inject-ca-from': `${NAMESPACE}/token-projector-webhook`,
  })
})

test.each(variants)('the webhook never sees the key of the signer’s certificate: %s', async (_name, values) => {
  const webhook = ofKind(await render(values), 'Deployment').find(({ metadata }) => metadata.name.endsWith('webhook'))
  const volumes: Manifest[] = webhook?.['spec'].template.spec.volumes ?? []
  const signers = volumes.filter(({ secret }) => secret?.secretName?.includes('signer'))
  for (const { secret } of signers) expect(secret.items).toEqual([{ key: 'ca.crt', path: 'ca.crt' }])
})

test('the policies that refuse and the monitor that finds sidecars know them by their name and port', async () => {
  const rendered = await render({ metrics: { podMonitor: { enabled: true } } })
  const policy = named(rendered, 'ValidatingAdmissionPolicy', `token-projector-sidecar.${NAMESPACE}`)
  expect(policy['spec'].validations[0].expression).toContain(`container.name != '${SIDECAR_CONTAINER}'`)
  const monitor = named(rendered, 'PodMonitor', 'token-projector-sidecar')
  const [keep, ...addresses] = monitor['spec'].podMetricsEndpoints[0].relabelings
  expect(keep.regex).toBe(SIDECAR_CONTAINER)
  const addressOf = (ip: string) =>
    addresses.reduce(
      (address: string, { regex, replacement }: Manifest) =>
        new RegExp(`^(?:${regex})$`).test(ip) ? ip.replace(new RegExp(`^(?:${regex})$`), replacement) : address,
      ip,
    )
  expect(addressOf('10.0.0.7')).toBe(`10.0.0.7:${SIDECAR_OPS_PORT}`)
  expect(addressOf('fd00::7')).toBe(`[fd00::7]:${SIDECAR_OPS_PORT}`)
})

test('a policy and a pod to copy are in the notes, and they belong together', async () => {
  const notes = readFileSync(join(CHART, 'templates/NOTES.txt'), 'utf8')
  const [policyText = '', podText = ''] = [...notes.matchAll(/apply -f - <<EOF\n([\s\S]*?)\n {3}EOF/g)].map(
    ([, text = '']) => text.replaceAll(/^ {3}/gm, ''),
  )
  const { policies, problems } = parsePolicies(policyText, 'NOTES.txt')
  expect(problems).toEqual([])
  const pod = parseYaml(
    podText
      .replace(/\{\{ printf "(.*)" \.Values.*\}\}/, (_match, format) => format.replace('%s', DEFAULT_ANNOTATION_PREFIX))
      .replace(/\{\{ include "token-projector.image" \. \}\}/, 'token-projector'),
  )
  expect(policies[0]?.audiences).toEqual([pod.metadata.annotations[`${DEFAULT_ANNOTATION_PREFIX}audience`]])
  expect(policies[0]?.namespaces).toEqual([pod.metadata.namespace])
  expect(pod.spec.containers[0].args[0]).toContain(`${TOKENS_DIRECTORY}/default`)
})

test('alerts and dashboard ask for metrics that there are', async () => {
  const documented = new Set(
    [...readFileSync(join(CHART, '../../docs/reference/metrics.md'), 'utf8').matchAll(/`(token_projector_\w+)`/g)].map(
      ([, name]) => name,
    ),
  )
  for (const file of ['alerts.yaml', 'dashboard.json']) {
    const used = readFileSync(join(CHART, 'files', file), 'utf8').match(/token_projector_\w+/g) ?? []
    expect(used.length).toBeGreaterThan(5)
    expect(used.map((name) => name.replace(/_bucket$/, '')).filter((name) => !documented.has(name))).toEqual([])
  }
})

test('every alert is explained: what it means, what to look at, what to do', () => {
  const alerts: Manifest[] = parseYaml(readFileSync(join(CHART, 'files/alerts.yaml'), 'utf8'))
  const page = readFileSync(join(CHART, '../../docs/reference/chart.md'), 'utf8')
  const explained = [...page.matchAll(/^\| `(TokenProjector\w+)` \| .{20,} \| .{20,} \|$/gm)].map(([, name]) => name)
  expect(explained.sort()).toEqual(alerts.map(({ alert }) => alert).sort())
})

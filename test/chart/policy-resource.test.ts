/** The AudiencePolicy resource says of every policy what the processes say of it. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { z } from 'zod'
import { POLICY_API_VERSION, POLICY_KIND, parsePolicies, policySchema } from '../../src/policy/document.ts'
import { until } from '../cluster/wait.ts'
import { type ApiServer, startApiServer } from './api-server.ts'
import { type Manifest, named, render } from './helm.ts'

let resource: Manifest
let server: ApiServer

beforeAll(async () => {
  resource = named(await render(), 'CustomResourceDefinition', 'audiencepolicies.token-projector.dev')
  server = await startApiServer()
  await server.kubectl(['create', '-f', '-'], JSON.stringify(resource))
  await server.kubectl(['wait', '--for=condition=Established', 'crd', resource['metadata'].name])
  // The endpoint follows a moment later.
  await until('policies are served', () => server.kubectl(['get', 'audiencepolicies']))
})
afterAll(() => server.stop())

const schemaOf = (crd: Manifest): Manifest => crd['spec'].versions[0].schema.openAPIV3Schema.properties.spec

test('the resource is called as policy documents call it', () => {
  const { group, names, versions, scope } = resource['spec']
  expect(`${group}/${versions[0].name}`).toBe(POLICY_API_VERSION)
  expect([names.kind, scope, versions.length]).toEqual([POLICY_KIND, 'Cluster', 1])
  expect(versions[0].subresources).toEqual({ status: {} })
})

/** What is left of a schema without prose, and without what only one of the two languages can say. */
function comparable(node: Manifest): Manifest {
  const { description: _prose, 'x-kubernetes-validations': _rules, additionalProperties: _strict, ...rest } = node
  // The pattern bounds an audience already; the API server wants the bound said twice.
  if (rest['pattern']?.includes('{1,255}')) delete rest['maxLength']
  if (rest['properties'] !== undefined) {
    const entries = Object.entries(rest['properties'] as Manifest).map(([key, value]) => [key, comparable(value)])
    rest['properties'] = Object.fromEntries(entries)
  }
  if (rest['items'] !== undefined) rest['items'] = comparable(rest['items'])
  return rest
}

test('its schema is the one that policy files are read with', () => {
  const { $schema: _dialect, ...ours } = z.toJSONSchema(policySchema.shape.spec, { io: 'input' }) as Manifest
  expect(comparable(schemaOf(resource))).toEqual(comparable(ours))
})

test('every field is explained by a sentence', () => {
  const bare: string[] = []
  const visit = (node: Manifest, path: string) => {
    if (path !== '' && !/^[A-Z].+\.$/.test(node['description'] ?? '')) bare.push(path)
    for (const [key, child] of Object.entries((node['properties'] ?? {}) as Manifest)) visit(child, `${path}.${key}`)
    if (node['items']?.properties)
      for (const [key, child] of Object.entries(node['items'].properties as Manifest)) visit(child, `${path}[].${key}`)
  }
  visit(schemaOf(resource), '')
  visit(resource['spec'].versions[0].schema.openAPIV3Schema.properties.status, 'status')
  expect(bare).toEqual([])
})

const SPEC = {
  effect: 'Allow',
  from: { namespaces: ['payments'], serviceAccounts: ['checkout'] },
  to: { audiences: ['sts.amazonaws.com'] },
}
const many = (count: number) => Array.from({ length: count }, (_, index) => `name-${index}`)

test.each<[string, unknown]>([
  ['the shortest that there is', SPEC],
  ['everything said', { ...SPEC, maxTtlSeconds: 86_400, claims: 'full' }],
  ['Deny', { ...SPEC, effect: 'Deny' }],
  ['another effect', { ...SPEC, effect: 'allow' }],
  ['no effect', { from: SPEC.from, to: SPEC.to }],
  ['no namespaces', { ...SPEC, from: { serviceAccounts: ['checkout'] } }],
  ['an empty list of namespaces', { ...SPEC, from: { namespaces: [], serviceAccounts: ['checkout'] } }],
  ['an empty list of service accounts', { ...SPEC, from: { namespaces: ['payments'], serviceAccounts: [] } }],
  ['every namespace', { ...SPEC, from: { namespaces: ['*'], serviceAccounts: ['*'] } }],
  ['the beginning of a name', { ...SPEC, from: { namespaces: ['pay-*'], serviceAccounts: ['check*'] } }],
  ['a star in the middle', { ...SPEC, from: { namespaces: ['pay*ts'], serviceAccounts: ['checkout'] } }],
  ['two stars', { ...SPEC, from: { namespaces: ['pay**'], serviceAccounts: ['checkout'] } }],
  ['a name with capitals', { ...SPEC, from: { namespaces: ['Payments'], serviceAccounts: ['checkout'] } }],
  ['an empty name', { ...SPEC, from: { namespaces: [''], serviceAccounts: ['checkout'] } }],
  ['as many names as there may be', { ...SPEC, from: { namespaces: many(256), serviceAccounts: many(256) } }],
  ['a name too many', { ...SPEC, from: { namespaces: many(257), serviceAccounts: ['checkout'] } }],
  ['every audience', { ...SPEC, to: { audiences: ['*'] } }],
  ['every audience and one more', { ...SPEC, to: { audiences: ['*', 'vault'] } }],
  ['the beginning of an audience', { ...SPEC, to: { audiences: ['https://*'] } }],
  ['several audiences', { ...SPEC, to: { audiences: ['vault', 'https://a.example.com/b?c=d'] } }],
  ['as many audiences as there may be', { ...SPEC, to: { audiences: many(256) } }],
  ['an audience too many', { ...SPEC, to: { audiences: many(257) } }],
  ['no audience', { ...SPEC, to: { audiences: [] } }],
  ['an empty audience', { ...SPEC, to: { audiences: [''] } }],
  ['an audience with a space', { ...SPEC, to: { audiences: ['a b'] } }],
  ['an audience that is not ASCII', { ...SPEC, to: { audiences: ['café'] } }],
  ['the longest audience', { ...SPEC, to: { audiences: ['a'.repeat(255)] } }],
  ['an audience that is too long', { ...SPEC, to: { audiences: ['a'.repeat(256)] } }],
  ['the shortest life', { ...SPEC, maxTtlSeconds: 10 }],
  ['a life that is too short', { ...SPEC, maxTtlSeconds: 9 }],
  ['a life that is too long', { ...SPEC, maxTtlSeconds: 86_401 }],
  ['half a second', { ...SPEC, maxTtlSeconds: 10.5 }],
  ['a life as text', { ...SPEC, maxTtlSeconds: '3600' }],
  ['unknown claims', { ...SPEC, claims: 'all' }],
  ['an unknown field', { ...SPEC, ttl: 5 }],
  ['an unknown field deep down', { ...SPEC, to: { audiences: ['vault'], audience: 'x' } }],
])('API server and processes agree on a policy with %s', async (_name, spec) => {
  const policy = { apiVersion: POLICY_API_VERSION, kind: POLICY_KIND, metadata: { name: 'agree' }, spec }
  const ours = parsePolicies(stringify(policy), 'policy.yaml').problems.length === 0
  const flags = ['create', '--dry-run=server', '--validate=strict', '-f', '-']
  const theirs = await server.kubectl(flags, JSON.stringify(policy)).then(
    () => true,
    () => false,
  )
  expect(theirs).toBe(ours)
})

test('the API server fills in the same defaults', async () => {
  const policy = { apiVersion: POLICY_API_VERSION, kind: POLICY_KIND, metadata: { name: 'defaults' }, spec: SPEC }
  const flags = ['create', '--dry-run=server', '-o', 'json', '-f', '-']
  const stored = JSON.parse(await server.kubectl(flags, JSON.stringify(policy)))
  expect(stored.spec).toEqual(policySchema.shape.spec.parse(SPEC))
})

test('kubectl shows who, what for, and whether the policy is in force', async () => {
  const metadata = { name: 'checkout-to-aws' }
  const policy = { apiVersion: POLICY_API_VERSION, kind: POLICY_KIND, metadata, spec: SPEC }
  await server.kubectl(['create', '-f', '-'], JSON.stringify(policy))
  const condition = {
    type: 'Ready',
    status: 'True',
    reason: 'InForce',
    message: 'the policy is in force',
    observedGeneration: 1,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  }
  const status = JSON.stringify({ status: { conditions: [condition] } })
  const target = ['audiencepolicy', metadata.name]
  await server.kubectl(['patch', ...target, '--subresource=status', '--type=merge', '-p', status])
  const [header = '', row = ''] = (await server.kubectl(['get', 'audpol'])).split('\n')
  expect(header.split(/\s{2,}/)).toEqual([
    'NAME',
    'EFFECT',
    'NAMESPACES',
    'SERVICE ACCOUNTS',
    'AUDIENCES',
    'READY',
    'AGE',
  ])
  expect(row).toMatch(/^checkout-to-aws\s+Allow\s+\["payments"\]\s+\["checkout"\]\s+\["sts.amazonaws.com"\]\s+True\s/)
})

/** values.yaml explains itself, and values.schema.json refuses what would be ignored or could not work. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import manifest from '../../package.json' with { type: 'json' }
import { explainedValues } from '../docs/values.ts'
import { CHART, type Manifest, renderText, type Values } from './helm.ts'

const read = (file: string) => readFileSync(join(CHART, file), 'utf8')
const schema: Manifest = JSON.parse(read('values.schema.json'))

test('the chart has the version of the project', () => {
  const chart = parseYaml(read('Chart.yaml'))
  expect([chart.version, chart.appVersion]).toEqual([manifest.version, manifest.version])
})

test('values.yaml is short enough to be read', () => {
  expect(read('values.yaml').split('\n').length).toBeLessThan(300)
})

test('every value is explained by one sentence', () => {
  const explained = explainedValues(read('values.yaml'))
  expect(explained.length).toBeGreaterThan(80)
  expect(explained.filter(({ sentence }) => !/^[A-Z"].*[^.]\.$/.test(sentence))).toEqual([])
})

const resolve = (node: Manifest): Manifest =>
  node['$ref'] === undefined ? node : schema['$defs'][node['$ref'].replace('#/$defs/', '')]

/** Paths of the schema's keys, down to where anything goes. */
function schemaKeys(node: Manifest, prefix = ''): string[] {
  const { properties } = resolve(node)
  if (properties === undefined) return [prefix]
  return Object.entries(properties as Manifest).flatMap(([key, child]) =>
    schemaKeys(child, prefix === '' ? key : `${prefix}.${key}`),
  )
}

test('the schema knows exactly the values that there are', () => {
  // Empty maps of values.yaml that the schema looks into.
  const inner = /^(certificates\.certManager\.issuerRef|admission\.(?:namespace|object)Selector|\w+\.resources)\..*$/
  const known = new Set(schemaKeys(schema).map((key) => key.replace(inner, '$1')))
  // Helm hands it to every chart.
  known.delete('global')
  expect([...known].sort()).toEqual(
    explainedValues(read('values.yaml'))
      .map(({ key }) => key)
      .sort(),
  )
})

test('no object of the schema lets an unknown key pass', () => {
  const open: string[] = []
  const visit = (node: Manifest, path: string) => {
    if (node['properties'] !== undefined && node['additionalProperties'] !== false) open.push(path)
    for (const [key, child] of Object.entries(node)) {
      if (typeof child === 'object' && child !== null) visit(child, `${path}/${key}`)
    }
  }
  visit(schema, '')
  expect(open).toEqual([])
})

test.each<[string, Values, RegExp]>([
  ['an unknown section', { webhooks: {} }, /'webhooks' not allowed/],
  ['an unknown key', { issuer: { uri: 'x' } }, /\/issuer.*'uri' not allowed/],
  ['an unknown key deep down', { metrics: { podMonitor: { every: '1s' } } }, /\/metrics\/podMonitor.*'every'/],
  ['a number as text', { webhook: { replicas: '2' } }, /\/webhook\/replicas.*want integer/],
  ['an issuer without https', { issuer: { url: 'http://id.example.com' } }, /\/issuer\/url/],
  ['an issuer with a port', { issuer: { url: 'https://id.example.com:8443' } }, /\/issuer\/url/],
  ['an issuer with a trailing slash', { issuer: { url: 'https://id.example.com/' } }, /\/issuer\/url/],
  ['a reserved organization', { issuer: { organization: 'system' } }, /\/issuer\/organization/],
  ['an organization with a colon', { issuer: { organization: 'a:b' } }, /\/issuer\/organization/],
  ['an unknown algorithm', { issuer: { algorithm: 'HS256' } }, /\/issuer\/algorithm/],
  ['a prefix without its slash', { admission: { annotationPrefix: 'a.dev' } }, /\/admission\/annotationPrefix/],
  ['a prefix that ends a CEL string', { admission: { annotationPrefix: "a'/" } }, /\/admission\/annotationPrefix/],
  ['a webhook that is waited for too long', { admission: { timeoutSeconds: 31 } }, /\/admission\/timeoutSeconds/],
  ['a tag in place of a digest', { image: { digest: 'v1' } }, /\/image\/digest/],
  ['a source that does not exist', { certificates: { source: 'vault' } }, /\/certificates\/source/],
  ['memory in words', { sidecar: { memory: 'little' } }, /\/sidecar\/memory/],
  ['a bundle in base64', { certificates: { webhook: { caBundle: 'TUlJ' } } }, /\/certificates\/webhook\/caBundle/],
])('%s is refused', async (_name, values, message) => {
  await expect(renderText(values)).rejects.toThrow(message)
})

test.each<[string, Values, string]>([
  ['the issuer', { issuer: { url: '' } }, 'issuer.url is required: the https URL'],
  ['the organization', { issuer: { organization: '' } }, 'issuer.organization is required: the first part'],
  ['the name of the cluster', { cluster: { name: '' } }, 'cluster.name is required: the name of this cluster'],
  ['an own Secret', { certificates: { source: 'secret' } }, 'certificates.webhook.secretName is required'],
  ['the Gateway of a route', { discovery: { gateway: { enabled: true } } }, 'discovery.gateway.parentRefs is required'],
])('without %s the message says what to set', async (_name, values, message) => {
  await expect(renderText(values)).rejects.toThrow(message)
})

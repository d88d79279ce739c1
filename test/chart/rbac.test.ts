/** The table of rights in docs/reference/rbac.md is what the chart grants, and what it says turns a right off does. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Manifest, named, ofKind, type Rendered, render, type Values } from './helm.ts'

const PAGE = new URL('../../docs/reference/rbac.md', import.meta.url)

interface Right {
  process: string
  /** `cluster` or `namespace`. */
  scope: string
  verbs: string
  resource: string
  name: string
}

interface Row extends Right {
  why: string
  off: string
}

function documentedRows(): Row[] {
  return readFileSync(PAGE, 'utf8')
    .split('\n')
    .filter((line) => /^\| (webhook|signer) \|/.test(line))
    .map((line) => {
      const cells = line.split('|').slice(1, -1)
      const [process = '', scope = '', verbs = '', resource = '', name = '', why = '', off = ''] = cells.map((cell) =>
        cell.trim().replaceAll('`', ''),
      )
      return { process, scope, verbs, resource, name, why, off }
    })
}

/** One right a resource of a rule. */
function rightsOf(rendered: Rendered[]): Right[] {
  return ['Role', 'ClusterRole'].flatMap((kind) =>
    ofKind(rendered, kind).flatMap(({ metadata, rules }) =>
      (rules as Manifest[]).flatMap((rule) => {
        const process: string = metadata.labels['app.kubernetes.io/component']
        const scope = kind === 'Role' ? 'namespace' : 'cluster'
        const verbs = rule['verbs'].join(', ')
        const name = (rule['resourceNames'] ?? ['any']).join(', ')
        return resourcesOf(rule).map((resource) => ({ process, scope, verbs, resource, name }))
      }),
    ),
  )
}

function resourcesOf({ apiGroups = [], resources = [], nonResourceURLs = [] }: Manifest): string[] {
  const [group = ''] = apiGroups
  return [...resources.map((one: string) => (group === '' ? one : `${one}.${group}`)), ...nonResourceURLs]
}

const sorted = (rights: readonly Right[]) => rights.map((right) => JSON.stringify(right)).sort()
const bare = ({ process, scope, verbs, resource, name }: Row): Right => ({ process, scope, verbs, resource, name })

test('the table lists exactly the rights that are granted', async () => {
  expect(sorted(documentedRows().map(bare))).toEqual(sorted(rightsOf(await render())))
})

test('every right is explained', () => {
  for (const { why } of documentedRows()) expect(why).toMatch(/^[a-z].{20,}/)
})

/** `a.b=c` as values. */
function valuesOf(setting: string): Values {
  const [path = '', value = ''] = setting.split('=')
  const [section = '', key = ''] = path.split('.')
  return { [section]: { [key]: value === 'false' ? false : value } }
}

test.each(documentedRows().filter(({ off }) => off !== '–'))(
  '$off takes from the $process the right to $verbs $resource',
  async (row) => {
    expect(sorted(rightsOf(await render(valuesOf(row.off))))).not.toContain(JSON.stringify(bare(row)))
  },
)

test('rbac.create=false makes no role and no binding', async () => {
  const kinds = (await render({ rbac: { create: false } })).map(({ manifest }) => manifest['kind'])
  expect(kinds.filter((kind) => /Role/.test(kind))).toEqual([])
})

test('each role is bound to the one service account that needs it', async () => {
  const rendered = await render()
  for (const process of ['webhook', 'signer']) {
    const name = `token-projector-${process}`
    const subject = [{ kind: 'ServiceAccount', name, namespace: 'token-projector' }]
    const role = named(rendered, 'RoleBinding', name)
    const clusterRole = named(rendered, 'ClusterRoleBinding', `${name}.token-projector`)
    expect([role['roleRef'].name, clusterRole['roleRef'].name]).toEqual([name, `${name}.token-projector`])
    expect([role['subjects'], clusterRole['subjects']]).toEqual([subject, subject])
  }
})

test('nobody may create, list or delete Secrets, and every Secret is named', async () => {
  const secrets = rightsOf(await render()).filter(({ resource }) => resource === 'secrets')
  expect(secrets.map(({ verbs }) => verbs)).toEqual(secrets.map(() => 'get, watch, update'))
  expect(secrets.filter(({ name }) => name === 'any')).toEqual([])
})

/** Each kind of operation changes YAML where it says, and the comments stay. */
import jsonPatch from 'fast-json-patch'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { asPatchedYaml } from '../../src/cli/yaml.ts'
import type { Operation } from '../../src/webhook/patch.ts'

const SOURCE = `# the pod
list:
  - name: a # first
  - name: b # second
  - name: c
    args: [x] # third
`

test.each<[string, Operation[]]>([
  ['add to a list', [{ op: 'add', path: '/list/1', value: { name: 'new' } }]],
  ['add to an end', [{ op: 'add', path: '/list/-', value: { name: 'new' } }]],
  ['replace a member', [{ op: 'replace', path: '/list/0/name', value: 'z' }]],
  ['replace an element', [{ op: 'replace', path: '/list/2/args/0', value: 'y' }]],
  ['remove a member', [{ op: 'remove', path: '/list/2/args' }]],
  ['remove an element', [{ op: 'remove', path: '/list/1' }]],
  ['move backwards', [{ op: 'move', from: '/list/2', path: '/list/0' }]],
  ['move forwards', [{ op: 'move', from: '/list/0', path: '/list/2' }]],
  [
    'several, one after the other',
    [
      { op: 'move', from: '/list/2', path: '/list/0' },
      { op: 'replace', path: '/list/0/args', value: ['run'] },
      { op: 'add', path: '/list/0/restartPolicy', value: 'Always' },
    ],
  ],
])('%s', (_name, patch) => {
  const text = asPatchedYaml(SOURCE, patch) ?? ''
  expect(parse(text)).toEqual(jsonPatch.applyPatch(parse(SOURCE), structuredClone(patch), true, false).newDocument)
  expect(text).toMatch(/^# the pod\n/)
  for (const comment of ['name: a # first', 'name: b # second']) {
    if (patch.every(({ op }) => op === 'move')) expect(text).toContain(comment)
  }
})

test.each<[string, Operation]>([
  ['an element that is not there', { op: 'replace', path: '/list/3', value: 'x' }],
  ['a member of nothing', { op: 'remove', path: '/none/x' }],
  ['what is not there to be moved', { op: 'move', from: '/list/9', path: '/list/0' }],
])('%s cannot be patched in place', (_name, operation) => {
  expect(asPatchedYaml(SOURCE, [operation])).toBeUndefined()
})

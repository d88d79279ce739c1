/** What others may do to our container, and what makes it another one. */
import { expect, test } from 'vitest'
import { changed, injected, listsOf, project, SIDECAR } from './injected.ts'

test.each([
  ['privileged', { privileged: true }],
  ['allowed to gain privileges', { allowPrivilegeEscalation: true }],
  ['root', { runAsUser: 0 }],
])('a container of our name that is %s is not ours', (_what, value) => {
  const pod = changed(injected(), { op: 'replace', path: `${SIDECAR}/securityContext`, value })
  expect(project(pod)).toMatchObject({
    outcome: 'refused',
    refusals: [{ refused: 'reserved-name', message: expect.stringContaining('whose securityContext is not') }],
  })
})

test('NODE_OPTIONS that are read from elsewhere are emptied again', () => {
  const value = { name: 'NODE_OPTIONS', valueFrom: { fieldRef: { fieldPath: 'metadata.annotations' } } }
  const outcome = project(changed(injected(), { op: 'replace', path: `${SIDECAR}/env/1`, value }))
  if (outcome.outcome !== 'injected') throw new Error(outcome.outcome)
  const [ours] = listsOf(outcome.pod).initContainers
  expect(ours?.env.slice(1)).toEqual([value, { name: 'NODE_OPTIONS', value: '' }])
})

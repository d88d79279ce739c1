/** AudiencePolicies of the cluster: what is in force, what is wrong, and who is told. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { AUDIENCE_POLICIES, objectPath } from '../../src/kubernetes/object.ts'
import { followPolicies } from '../../src/policy/cluster.ts'
import { startCluster } from '../kubernetes/server.ts'

const path = (name: string) => objectPath(AUDIENCE_POLICIES, name)
const spec = (changes: object = {}) => ({
  spec: { effect: 'Allow', from: { namespaces: ['a'], serviceAccounts: ['b'] }, to: { audiences: ['c'] }, ...changes },
})

async function following() {
  const cluster = await startCluster()
  cluster.server.put(path('good'), { ...spec(), status: { conditions: [] } })
  const source = followPolicies({ client: cluster.client, log: cluster.log, random: () => 0 })
  onTestFinished(() => source.close())
  const changed = vi.fn()
  source.onChange(changed)
  expect(source.unready()).toBe('audiencepolicies is not read yet')
  await vi.waitFor(() => expect(source.unready()).toBeUndefined())
  return { cluster, source, changed }
}

test('a policy of the cluster reads like one in a file, its status aside', async () => {
  const { source, changed } = await following()
  expect(source.current()).toEqual([
    {
      name: 'good',
      effect: 'Allow',
      namespaces: ['a'],
      serviceAccounts: ['b'],
      audiences: ['c'],
      maxTtlSeconds: 3600,
      claims: 'standard',
    },
  ])
  expect(source.problems()).toEqual([])
  expect(changed).toHaveBeenCalledTimes(1)
})

test('a broken change is told and the last valid form stays, a deletion counts', async () => {
  const { cluster, source } = await following()
  cluster.server.put(path('good'), spec({ effect: 'Maybe', to: { audiences: [] } }))
  await vi.waitFor(() =>
    expect(source.problems()).toEqual([
      'good: spec.effect must be Allow or Deny',
      'good: spec.to.audiences must name at least one audience, or "*"',
    ]),
  )
  expect(source.current()).toMatchObject([{ name: 'good', effect: 'Allow' }])
  expect(source.verdicts()).toMatchObject([{ object: { metadata: { generation: 2 } }, inForce: true }])
  expect(cluster.lines.join('')).toContain('its last valid form stays in force')
  cluster.server.remove(path('good'))
  await vi.waitFor(() => expect([source.current(), source.problems()]).toEqual([[], []]))
})

test('a policy that was never valid is in force in no form', async () => {
  const { cluster, source } = await following()
  cluster.server.put(path('bad'), { spec: 'nothing' })
  await vi.waitFor(() => expect(source.verdicts()).toHaveLength(2))
  expect(source.verdicts()).toMatchObject([
    { object: { metadata: { name: 'bad' } }, problems: ['spec must be an object'], inForce: false },
    { object: { metadata: { name: 'good' } }, problems: [], inForce: true },
  ])
})

test('a change of status alone is passed on, and neither read nor told again', async () => {
  const { cluster, source, changed } = await following()
  const told = () => cluster.lines.filter((line) => line.includes('has mistakes')).length
  const broken = spec({ effect: 'Maybe' })
  cluster.server.put(path('bad'), broken)
  await vi.waitFor(() => expect([source.verdicts().length, told()]).toEqual([2, 1]))
  changed.mockClear()
  cluster.server.put(path('bad'), { ...broken, status: { conditions: [{ type: 'Ready', status: 'False' }] } })
  await vi.waitFor(() => expect(changed).toHaveBeenCalled())
  expect(told()).toBe(1)
})

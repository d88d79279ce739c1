/** Statuses of AudiencePolicies on an API server, written by one replica or several. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { AUDIENCE_POLICIES, objectPath } from '../../src/kubernetes/object.ts'
import { followPolicies } from '../../src/policy/cluster.ts'
import { keepPolicyStatus } from '../../src/signer/policy-status.ts'
import { startCluster, type TestCluster } from '../kubernetes/server.ts'

const path = (name: string) => objectPath(AUDIENCE_POLICIES, name)
const spec = (effect = 'Allow') => ({
  effect,
  from: { namespaces: ['*'], serviceAccounts: ['*'] },
  to: { audiences: ['*'] },
})
const eventually = (judge: () => void) => vi.waitFor(judge, 8000)

function replica({ client, log }: TestCluster, random = 0, now = Date.now) {
  const deps = { client, log, random: () => random, now }
  const policies = followPolicies(deps)
  const status = keepPolicyStatus(policies, deps)
  onTestFinished(async () => {
    await status.close()
    await policies.close()
  })
  return policies
}

const conditions = ({ server }: TestCluster, name: string) =>
  (server.read(path(name))?.['status'] as { conditions?: object[] } | undefined)?.conditions
const patches = ({ server }: TestCluster) => server.calls.filter(({ verb }) => verb === 'patch')

test('every policy says whether it is in force, and again when it changes', async () => {
  const cluster = await startCluster()
  cluster.server.put(path('good'), { spec: spec() })
  cluster.server.put(path('bad'), { spec: spec('Permit') })
  replica(cluster)
  await eventually(() => {
    expect(conditions(cluster, 'good')).toMatchObject([{ type: 'Ready', status: 'True', observedGeneration: 1 }])
    expect(conditions(cluster, 'bad')).toMatchObject([
      { type: 'Ready', status: 'False', reason: 'Invalid', message: expect.stringContaining('must be Allow or Deny') },
    ])
  })
  expect(conditions(cluster, 'good')).toMatchObject([{ lastTransitionTime: expect.stringMatching(/^[\d-]+T[\d:]+Z$/) }])
  expect(patches(cluster).map((call) => call.path)).toEqual([`${path('bad')}/status`, `${path('good')}/status`])

  cluster.server.put(path('bad'), { ...cluster.server.read(path('bad')), spec: spec('Deny') })
  await eventually(() => expect(conditions(cluster, 'bad')).toMatchObject([{ status: 'True', observedGeneration: 2 }]))
  expect(patches(cluster)).toHaveLength(3)
})

test('what stands there already is not written', async () => {
  const cluster = await startCluster()
  cluster.server.put(path('a'), { spec: spec() })
  const first = replica(cluster)
  await eventually(() => expect(conditions(cluster, 'a')).toHaveLength(1))
  await first.close()
  const second = replica(cluster)
  await eventually(() => expect(second.verdicts()).toHaveLength(1))
  cluster.server.put(path('b'), { spec: spec() })
  await eventually(() => expect(conditions(cluster, 'b')).toHaveLength(1))
  expect(patches(cluster).filter((call) => call.path === `${path('a')}/status`)).toHaveLength(1)
})

test('of several replicas one writes, and a conflict is nobody else to blame for', async () => {
  const cluster = await startCluster()
  for (const name of ['a', 'b', 'c']) cluster.server.put(path(name), { spec: spec() })
  replica(cluster, 0)
  replica(cluster, 0)
  replica(cluster, 0.9)
  await eventually(() => {
    for (const name of ['a', 'b', 'c']) expect(conditions(cluster, name)).toMatchObject([{ status: 'True' }])
  })
  expect(patches(cluster).length).toBeLessThanOrEqual(6)
  expect(cluster.lines).toEqual([])
})

test('two versions that word a condition differently do not write in turn for ever', async () => {
  const cluster = await startCluster()
  cluster.server.put(path('a'), { spec: spec() })
  // The other version.
  cluster.server.intercept(({ verb, path: asked, body }) => {
    if (verb !== 'patch' || asked !== `${path('a')}/status`) return undefined
    const [condition] = (body as { status: { conditions: object[] } }).status.conditions
    const theirs = { conditions: [{ ...condition, message: 'all is well' }] }
    return { status: 200, body: cluster.server.put(path('a'), { spec: spec(), status: theirs }) }
  })
  const policies = replica(cluster)
  const seen = vi.fn()
  policies.onChange(seen)
  await eventually(() => expect(conditions(cluster, 'a')).toMatchObject([{ message: 'all is well' }]))
  cluster.server.put(path('b'), { spec: spec() })
  await eventually(() => expect(conditions(cluster, 'b')).toHaveLength(1))
  expect(patches(cluster).filter((call) => call.path === `${path('a')}/status`)).toHaveLength(1)
})

test('a status that may not be written is logged and keeps nothing from being in force', async () => {
  const cluster = await startCluster()
  cluster.server.put(path('a'), { spec: spec() })
  cluster.server.intercept(({ verb }) =>
    verb === 'patch' ? { status: 403, body: { message: 'forbidden' } } : undefined,
  )
  const policies = replica(cluster)
  await eventually(() => expect(cluster.lines.join()).toContain('the status of an AudiencePolicy cannot be written'))
  expect(policies.current().map(({ name }) => name)).toEqual(['a'])
})

/** Story 3: every no is said where the person looks, and uninstalling leaves the keys and nothing else. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { IDENTITY_TOKEN_FILE } from '../../../src/contract.ts'
import { until } from '../wait.ts'
import { type Installation, NAMESPACE, policiesInForce, RELEASE, startInstallation } from './installation.ts'
import { AUDIENCE, asking, namespace, pod, policy, stubborn, TEAM, workload } from './workloads.ts'

let installation: Installation
beforeAll(async () => {
  installation = await startInstallation()
  await installation.apply([namespace(TEAM), policy('ledger', [AUDIENCE])])
  await policiesInForce(installation, 1)
})
afterAll(() => installation?.stop())

const MISSING_RULE = `no AudiencePolicy allows service account ${TEAM}/default the audience vault; add one with from.namespaces [${TEAM}], from.serviceAccounts [default], to.audiences [vault]`

test('1. an audience that policy denies is refused in kubectl apply, with the rule that is missing', async () => {
  const applied = installation.apply([pod('denied', { annotations: asking({ audience: 'vault' }) })])
  await expect(applied).rejects.toThrow(MISSING_RULE)
})

test('2. a typing error is refused with the nearest annotation', async () => {
  const applied = installation.apply([pod('typo', { annotations: asking({ audienc: AUDIENCE }) })])
  await expect(applied).rejects.toThrow(/audienc is not known; the nearest known annotation is .*\/audience/)
})

test('3. annotations on the workload instead of its template are refused', async () => {
  const deployment = workload('Deployment', 'misplaced', { annotations: {} })
  const applied = installation.apply([{ ...deployment, metadata: { ...deployment.metadata, annotations: asking() } }])
  await expect(applied).rejects.toThrow(/template/)
})

test("4. a pod's identity serves while the pod lives and while it ends, and not after", async () => {
  await installation.apply([
    pod('short-lived', { spec: { terminationGracePeriodSeconds: 120, containers: [stubborn] } }),
  ])
  await installation.ready(TEAM, 'pod/short-lived')
  const read = `require('node:fs').readFileSync('${IDENTITY_TOKEN_FILE}', 'utf8')`
  const form = { subject_token: await installation.inSidecar(TEAM, 'short-lived', read), audience: AUDIENCE }
  expect((await installation.exchange(form)).status).toBe(200)

  const { kubectl } = installation.cluster
  const remove = ['delete', 'pod', 'short-lived', '--namespace', TEAM]
  await kubectl([...remove, '--wait=false'])
  const { deletionTimestamp } = (await installation.get(TEAM, 'pod', 'short-lived')).metadata
  expect(deletionTimestamp).toBeDefined()
  expect((await installation.exchange(form)).status).toBe(200)

  await kubectl([...remove, '--grace-period=0', '--force'])
  await until('the identity is refused', async () => {
    const { status, body } = await installation.exchange(form)
    expect([status, body['error']]).toEqual([400, 'invalid_request'])
  })
})

test('5. a no that comes after admission is in kubectl describe pod', async () => {
  await installation.upgrade({ admission: { policyCheck: 'off' } })
  await installation.apply([pod('too-late', { annotations: asking({ audience: 'vault' }) })])
  await until('the refusal is shown', async () => {
    const described = await installation.cluster.kubectl(['describe', 'pod', 'too-late', '--namespace', TEAM])
    expect(described).toContain(MISSING_RULE)
  })
})

test('6. uninstalling leaves exactly the key Secret, and pods can be created', async () => {
  const { helm, kubectl } = installation.cluster
  await helm(['uninstall', RELEASE, '--namespace', NAMESPACE, '--wait'])
  const kinds = 'secrets,configmaps,services,deployments,serviceaccounts,roles,rolebindings,networkpolicies'
  const left = await kubectl(['get', kinds, '--namespace', NAMESPACE, '--output=name'])
  const byKubernetes = ['configmap/kube-root-ca.crt', 'serviceaccount/default']
  expect(
    left
      .trim()
      .split('\n')
      .filter((name) => !byKubernetes.includes(name)),
  ).toEqual([`secret/${RELEASE}-signer-keys`])
  const wide = 'clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingadmissionpolicies,crds'
  expect(await kubectl(['get', wide, '--output=name'])).not.toContain(RELEASE)
  await installation.apply([pod('afterwards')])
  await installation.ready(TEAM, 'pod/afterwards')
})

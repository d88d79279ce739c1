/** Story 1: Helm installs the chart, and an annotated Deployment's pods have a token before they start. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VERSION } from '../../../src/version.ts'
import { type Installation, ISSUER, NAMESPACE, policiesInForce, RELEASE, startInstallation } from './installation.ts'
import { AUDIENCE, asking, namespace, pod, policy, TEAM, workload } from './workloads.ts'

let installation: Installation
beforeAll(async () => {
  installation = await startInstallation()
})
afterAll(() => installation?.stop())

test('1. two webhooks and two signers are ready, and none had to start twice', async () => {
  const { items } = await installation.get(NAMESPACE, 'pods')
  expect(items).toHaveLength(4)
  for (const { status } of items) {
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }))
    expect(status.containerStatuses).toMatchObject([{ restartCount: 0 }])
  }
})

test('2. no replica reports an error', async () => {
  for (const { metadata } of (await installation.get(NAMESPACE, 'pods'))['items']) {
    const log = await installation.cluster.kubectl(['logs', '--namespace', NAMESPACE, metadata.name])
    const levels = log
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(levels.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([])
  }
})

test('3. `helm test` finds that both serve what they should', async () => {
  const said = await installation.cluster.helm(['test', RELEASE, '--namespace', NAMESPACE])
  expect(said.match(/Phase:\s+Succeeded/g)).toHaveLength(2)
})

test('4. discovery and keys are published', async () => {
  const discovery = await installation.published('/.well-known/openid-configuration')
  expect(discovery).toMatchObject({ issuer: ISSUER, jwks_uri: `${ISSUER}/.well-known/jwks.json` })
  const { keys } = await installation.published('/.well-known/jwks.json')
  // One signs, and one stands by, published long before it will.
  const published = expect.objectContaining({ kty: 'RSA', alg: 'RS256', use: 'sig' })
  expect(keys).toEqual([published, published])
  expect(JSON.stringify(keys)).not.toContain('"d":')
})

test('5. nothing is allowed until somebody says so', async () => {
  await installation.apply([namespace(TEAM)])
  const refused = installation.apply([pod('too-early')])
  await expect(refused).rejects.toThrow(/AudiencePolicy/)
})

test('6. a policy is in force within seconds, and says so', async () => {
  await installation.apply([policy('ledger', [AUDIENCE])])
  await policiesInForce(installation, 1)
  const waiting = ['wait', '--for=condition=Ready', 'audiencepolicy/ledger', '--timeout=10s']
  await installation.cluster.kubectl(waiting)
})

test('7. a Deployment that asks for a token becomes ready', async () => {
  await installation.apply([workload('Deployment', 'checkout')])
  await installation.ready(TEAM, 'deployment/checkout')
  const { items } = await installation.get(TEAM, 'pods', '--selector', 'app=checkout')
  expect(items[0].metadata.annotations).toEqual({ ...asking(), ...asking({ status: `injected ${VERSION}` }) })
})

test('8. a receiver verifies the token with what is published alone', async () => {
  const claims = await installation.verify(await installation.token(TEAM, 'deployment/checkout'), AUDIENCE)
  expect(claims).toMatchObject({ iss: ISSUER, sub: `acme:${TEAM}:default`, aud: AUDIENCE })
})

test('9. no component holds a right that it does not need', async () => {
  const can = (account: string, ...what: string[]) =>
    installation.cluster
      .kubectl([
        'auth',
        'can-i',
        ...what,
        '--namespace',
        NAMESPACE,
        `--as=system:serviceaccount:${NAMESPACE}:${account}`,
      ])
      .catch(({ stdout }) => stdout)
  expect(await can(`${RELEASE}-signer`, 'get', `secret/${RELEASE}-signer-keys`)).toBe('yes\n')
  expect(await can(`${RELEASE}-webhook`, 'get', `secret/${RELEASE}-signer-keys`)).toBe('no\n')
  expect(await can(`${RELEASE}-signer`, 'list', 'secrets')).toBe('no\n')
})

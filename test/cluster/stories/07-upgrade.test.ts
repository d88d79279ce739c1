/** Story 7: from the last release to this tree, back, and again: no token stops verifying and no pod stops renewing. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VERSION } from '../../../src/version.ts'
import { createStep } from '../steps.ts'
import { until } from '../wait.ts'
import { type Installation, policiesInForce, type Release, startInstallation } from './installation.ts'
import { lastRelease } from './last-release.ts'
import { AUDIENCE, namespace, pod, policy, TEAM } from './workloads.ts'

let installation: Installation
let former: Release
/** Every token that was given out, as an application read it. */
const tokens: string[] = []
let published: unknown

beforeAll(async () => {
  former = await lastRelease(createStep((line) => process.stderr.write(line)))
  installation = await startInstallation({ release: former })
  await installation.apply([namespace(TEAM), policy('ledger', [AUDIENCE])])
  await policiesInForce(installation, 1)
}, 600_000)
afterAll(() => installation?.stop())

async function started(name: string): Promise<string> {
  await installation.apply([pod(name)])
  await installation.ready(TEAM, `pod/${name}`)
  tokens.push(await installation.token(TEAM, name))
  const { annotations } = (await installation.get(TEAM, 'pod', name)).metadata
  return annotations?.['token-projector.dev/status'] ?? ''
}

/** The pod's own sidecar, of whichever version, asks the signer of today. */
async function renewed(name: string): Promise<void> {
  const before = await installation.token(TEAM, name)
  await installation.inSidecar(TEAM, name, "process.kill(1, 'SIGHUP')")
  tokens.push(
    await until('the token is renewed', async () => {
      const token = await installation.token(TEAM, name)
      if (token === before) throw new Error('it is the old one')
      return token
    }),
  )
}

const allVerify = () => Promise.all(tokens.map((token) => installation.verify(token, AUDIENCE)))
const keysOf = async () => (await installation.published('/.well-known/jwks.json'))['keys']

test('1. the last release runs, and a pod has its token', async () => {
  const status = await started('before')
  expect(status).toMatch(/^injected \d/)
  expect(status).not.toBe(`injected ${VERSION}`)
  published = await keysOf()
})

test('2. upgraded to this tree, the signer publishes the same keys, and the tokens that are out verify', async () => {
  await installation.upgrade()
  expect(await keysOf()).toEqual(published)
  await allVerify()
})

test('3. the policy of before is in force, and a new pod is injected by this tree', async () => {
  await policiesInForce(installation, 1)
  expect(await started('after')).toBe(`injected ${VERSION}`)
})

test('4. the sidecar of before renews its token with the signer of now', async () => {
  await renewed('before')
  await allVerify()
})

test('5. rolled back, tokens of both verify, and both sidecars renew', async () => {
  await installation.rollback(1)
  expect(await keysOf()).toEqual(published)
  await policiesInForce(installation, 1)
  await renewed('before')
  await renewed('after')
  await allVerify()
  expect(await started('back')).not.toBe(`injected ${VERSION}`)
})

test('6. upgraded again, everything goes on', async () => {
  await installation.upgrade()
  expect(await started('again')).toBe(`injected ${VERSION}`)
  for (const name of ['before', 'after', 'back']) await renewed(name)
  await allVerify()
})

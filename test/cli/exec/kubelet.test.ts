/** Shows the identity token that `exec` makes to be what a cluster's would be. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { expect, test, vi } from 'vitest'
import { createClusterKey, keepIdentityToken } from '../../../src/cli/exec/kubelet.ts'
import { folderWith } from '../launch.ts'

const SUBJECT = {
  issuer: 'https://kubernetes.example',
  facts: {
    name: 'p',
    namespace: 'n',
    uid: 'pod-uid',
    serviceAccount: 's',
    nodeName: 'node',
    labels: {},
    annotations: {},
  },
  serviceAccountUid: 'sa-uid',
  nodeUid: 'node-uid',
}
const NOW = 1_800_000_000_000

function counter() {
  let count = 0
  return () => {
    count += 1
    return `id-${count}`
  }
}

async function start(ttlSeconds = 3600) {
  let now = NOW
  const errors: unknown[] = []
  const file = join(folderWith(), 'sub', 'token')
  const key = await createClusterKey(() => 'kid')
  const deps = {
    now: () => now,
    random: () => 0.5,
    randomUUID: counter(),
    onError: (error: unknown) => errors.push(error),
  }
  const end = await keepIdentityToken(
    key,
    SUBJECT,
    { file, audience: 'https://issuer.example/token', ttlSeconds },
    deps,
  )
  const read = async () => {
    const verified = await jwtVerify(readFileSync(file, 'utf8'), createLocalJWKSet(key.jwks), {
      currentDate: new Date(now),
    })
    return verified
  }
  const pass = (ms: number) => {
    now += ms
  }
  return { file, key, read, end, errors, pass }
}

test('it is signed by the key that the cluster publishes and says what a pod-bound token says', async () => {
  const { read, end } = await start()
  const { payload, protectedHeader } = await read()
  end()
  expect(protectedHeader).toEqual({ alg: 'RS256', kid: 'kid' })
  expect(payload).toEqual({
    aud: ['https://issuer.example/token'],
    exp: NOW / 1000 + 3600,
    iat: NOW / 1000,
    nbf: NOW / 1000,
    iss: 'https://kubernetes.example',
    jti: 'id-1',
    sub: 'system:serviceaccount:n:s',
    'kubernetes.io': {
      namespace: 'n',
      node: { name: 'node', uid: 'node-uid' },
      pod: { name: 'p', uid: 'pod-uid' },
      serviceaccount: { name: 's', uid: 'sa-uid' },
    },
  })
})

test('the file is for its user alone, and the published key has no private member', async () => {
  const { file, key, end } = await start()
  end()
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(Object.keys(key.jwks.keys[0] ?? {}).sort()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use'])
})

test('it is replaced when 80 % of its life is over, and not before', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  try {
    const { read, pass, end } = await start()
    vi.advanceTimersByTime(10_000)
    expect((await read()).payload.jti).toBe('id-1')
    pass(2_880_000)
    vi.advanceTimersByTime(10_000)
    await expect.poll(async () => (await read()).payload.jti).toBe('id-2')
    end()
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})

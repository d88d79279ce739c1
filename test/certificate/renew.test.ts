/** A CA through its whole life, and the clients that verify its leaves meanwhile. */
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import {
  bundleIn,
  CROSS,
  inspect,
  PREVIOUS_ROOT,
  pairIn,
  ROOT,
  type SecretContent,
} from '../../src/certificate/inspect.ts'
import { plan } from '../../src/certificate/plan.ts'
import { type Change, carryOut } from '../../src/certificate/renew.ts'

const NAMES = ['signer.test']
const YEAR_MS = 365 * 86_400_000
const now = new Date()
const owner = (at: Date) => ({ commonName: 'token-projector signer', names: NAMES, now: at, published: '' })
const make = { step: 'make-root', because: 'first start' } as const

const planAt = (content: SecretContent, at: Date) =>
  plan({ holding: inspect(content), names: NAMES, recorded: true, whenLost: 'remake', now: at.getTime() })

/** Whether a client that trusts `ca` alone reads an answer. */
async function isTrusted(content: SecretContent, ca: string): Promise<boolean> {
  const server = createServer(pairIn(content) ?? {}, (_request, response) => response.end('ok'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return new Promise((resolve) => {
    request({ host: '127.0.0.1', port, servername: 'signer.test', ca, agent: false }, (response) => {
      response.resume()
      resolve(true)
    })
      .on('error', () => resolve(false))
      .end()
  })
}

test('what was just made is kept', async () => {
  const content = await carryOut(make, {}, owner(now))
  expect(planAt(content, now).step).toBe('keep')
  expect(inspect(content).leaf?.names).toEqual(NAMES)
  expect(await isTrusted(content, bundleIn(content))).toBe(true)
})

test('a renewed leaf is good for its new names, under the same root, and leaves foreign keys alone', async () => {
  const first: SecretContent = { ...(await carryOut(make, {}, owner(now))), foreign: 'kept' }
  const change: Change = { step: 'renew-leaf', names: ['signer.test', 'other.test'], because: 'other names' }
  const next = await carryOut(change, first, owner(now))
  expect([next[ROOT], next['foreign']]).toEqual([first[ROOT], 'kept'])
  expect(inspect(next).leaf?.names).toEqual(['signer.test', 'other.test'])
})

test('a renewed root is trusted by who knows the old one, the new one or both, and served leaves of the old one too', async () => {
  const made = new Date(now.getTime() - 9.5 * YEAR_MS)
  const old = await carryOut(make, {}, owner(made))
  expect(planAt(old, now)).toEqual({ step: 'renew-root' })
  const next = await carryOut({ step: 'renew-root' }, old, owner(now))
  expect(planAt(next, now).step).toBe('keep')
  expect(next[ROOT]).not.toBe(old[ROOT])
  expect(bundleIn(next)).toBe(`${next[ROOT]}${old[ROOT]}`)
  for (const ca of [old[ROOT], next[ROOT], bundleIn(next)]) expect(await isTrusted(next, ca ?? '')).toBe(true)

  const lateLeaf = await carryOut({ step: 'renew-leaf', names: NAMES, because: 'due' }, old, owner(now))
  expect(await isTrusted(lateLeaf, bundleIn(next))).toBe(true)
  expect(await isTrusted(lateLeaf, next[ROOT] ?? '')).toBe(false)

  const forgotten = await carryOut({ step: 'forget-previous' }, next, owner(now))
  expect([forgotten[PREVIOUS_ROOT], bundleIn(forgotten)]).toEqual([undefined, next[ROOT]])
  const renewed = await carryOut({ step: 'renew-leaf', names: NAMES, because: 'due' }, forgotten, owner(now))
  // A pod that was created before the renewal knows the old root alone for as long as it lives.
  expect(await isTrusted(renewed, old[ROOT] ?? '')).toBe(true)
})

test('the cross certificate falls away when the old root has ended', async () => {
  const old = await carryOut(make, {}, owner(new Date(now.getTime() - 9.5 * YEAR_MS)))
  const next = await carryOut({ step: 'renew-root' }, old, owner(now))
  const later = owner(new Date(now.getTime() + YEAR_MS))
  const renewed = await carryOut({ step: 'renew-leaf', names: NAMES, because: 'due' }, next, later)
  expect([CROSS in next, CROSS in renewed]).toEqual([true, false])
  expect(pairIn(renewed)?.cert.match(/BEGIN/g)).toHaveLength(1)
})

test('a root in place of a lost one is published beside what was published before', async () => {
  const lost = await carryOut(make, {}, owner(now))
  const published = bundleIn(lost)
  const next = await carryOut({ step: 'make-root', because: 'the root is lost' }, {}, { ...owner(now), published })
  expect(bundleIn(next)).toBe(`${next[ROOT]}${published}`)
  expect(await isTrusted(lost, bundleIn(next))).toBe(true)
})

test.each<[string, (content: SecretContent, other: SecretContent) => SecretContent, object]>([
  ['nothing', () => ({}), { isEmpty: true }],
  ['a key of another root', (content, other) => ({ ...content, 'ca.key': other['ca.key'] ?? '' }), { isEmpty: false }],
  ['no key of the root', ({ 'ca.key': _key, ...rest }) => rest, { isEmpty: false }],
  ['text', (content) => ({ ...content, 'ca.crt': 'x' }), { isEmpty: false }],
])('a root without its key is none: %s', async (_name, change, expected) => {
  const [content, other] = await Promise.all([carryOut(make, {}, owner(now)), carryOut(make, {}, owner(now))])
  expect(inspect(change(content, other))).toEqual(expected)
})

test('a leaf of another root is none', async () => {
  const [content, other] = await Promise.all([carryOut(make, {}, owner(now)), carryOut(make, {}, owner(now))])
  const mixed = { ...content, 'tls.crt': other['tls.crt'] ?? '', 'tls.key': other['tls.key'] ?? '' }
  expect(inspect(mixed)).toEqual({ isEmpty: false, root: inspect(content).root })
})

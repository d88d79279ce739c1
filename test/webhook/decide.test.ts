/** Settings, pod and policy become a decision. */
import { expect, test } from 'vitest'
import type { AudiencePolicy } from '../../src/policy/document.ts'
import type { InjectionContext } from '../../src/webhook/context.ts'
import { type Decision, decide } from '../../src/webhook/decide.ts'
import { readPod } from '../../src/webhook/facts.ts'
import type { JsonObject } from '../../src/webhook/json.ts'
import { readSettings } from '../../src/webhook/settings.ts'
import { CONTEXT, NAMESPACE, podWith } from './context.ts'

function decision(pod: JsonObject, changes: Partial<InjectionContext> = {}): Decision {
  const facts = readPod(pod, NAMESPACE)
  const settings = readSettings(facts, CONTEXT.prefix)
  if (settings === undefined || Array.isArray(settings)) throw new Error(JSON.stringify(settings))
  return decide(settings, facts, { ...CONTEXT, ...changes })
}

const rule: AudiencePolicy = {
  name: 'rule',
  effect: 'Allow',
  namespaces: [NAMESPACE],
  serviceAccounts: ['checkout'],
  audiences: ['a.example'],
  maxTtlSeconds: 3600,
  claims: 'standard',
}

function reasons(seen: Decision): string[] {
  return seen.outcome === 'refused' ? seen.refusals.map(({ refused }) => refused) : []
}

test('an audience that policy allows is injected without a word', () => {
  const seen = decision(podWith({ audience: 'a.example' }), { policies: [rule] })
  expect(seen).toMatchObject({ outcome: 'injected', warnings: [] })
})

test('every token that policy denies is named with the rule that is missing', () => {
  const seen = decision(podWith({ audience: 'b.example', 'audience.c': 'c.example' }), { policies: [rule] })
  expect(seen).toMatchObject({
    outcome: 'refused',
    refusals: [
      { refused: 'no-matching-policy', message: expect.stringContaining('to.audiences [b.example]') },
      { refused: 'no-matching-policy', message: expect.stringContaining('to.audiences [c.example]') },
    ],
  })
})

test.each([
  ['the one that it names', { serviceAccountName: 'checkout' }, []],
  ['the deprecated spelling', { serviceAccount: 'checkout', serviceAccountName: '' }, []],
  ['another one', { serviceAccountName: 'other' }, ['no-matching-policy']],
  ['none, which means default', { serviceAccountName: null }, ['no-matching-policy']],
])('policy sees the service account of the pod: %s', (_name, spec, expected) => {
  expect(reasons(decision(podWith({ audience: 'a.example' }, spec), { policies: [rule] }))).toEqual(expected)
})

test("policy sees the review's namespace, not the pod's", () => {
  const pod = podWith({ audience: 'a.example' })
  const elsewhere = { ...pod, metadata: { ...(pod['metadata'] as JsonObject), namespace: 'elsewhere' } }
  expect(reasons(decision(elsewhere, { policies: [rule] }))).toEqual([])
})

test('with the check on warn the denial is a warning and the pod is injected', () => {
  const seen = decision(podWith({ audience: 'b.example' }), { policies: [rule], policyCheck: 'warn' })
  expect(seen).toMatchObject({
    outcome: 'injected',
    warnings: [expect.stringContaining('no AudiencePolicy allows service account payments/checkout')],
  })
})

test('with the check off policy is not looked at', () => {
  const seen = decision(podWith({ audience: 'b.example' }), { policies: [], policyCheck: 'off' })
  expect(seen).toMatchObject({ outcome: 'injected', warnings: [] })
})

test('without any policy everything is denied', () => {
  expect(reasons(decision(podWith({ audience: 'a.example' }), { policies: [] }))).toEqual(['no-matching-policy'])
})

test('the identity audience is given to nobody', () => {
  const anything = { ...rule, audiences: ['*'] }
  const seen = decision(podWith({ audience: CONTEXT.identityAudience }), { policies: [anything] })
  expect(reasons(seen)).toEqual(['reserved-audience'])
})

test('a life that somebody asked for and policy shortens is a warning that names the annotation', () => {
  const seen = decision(podWith({ audience: 'a.example', 'ttl-seconds': '7200' }), { policies: [rule] })
  expect(seen).toMatchObject({
    warnings: ['token-projector.dev/ttl-seconds: AudiencePolicy rule shortens the life of the token default to 3600 s'],
  })
})

test('the default life may be shortened without a word', () => {
  const seen = decision(podWith({ audience: 'a.example' }), { policies: [{ ...rule, maxTtlSeconds: 60 }] })
  expect(seen).toMatchObject({ outcome: 'injected', warnings: [] })
})

test('policy that leaves an Azure token too little life refuses it', () => {
  const azure = {
    'azure-client-id': '11111111-2222-3333-4444-555555555555',
    'azure-tenant-id': 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
  }
  const short = { ...rule, audiences: ['*'], maxTtlSeconds: 900 }
  expect(reasons(decision(podWith(azure), { policies: [short] }))).toEqual(['ttl-not-usable'])
})

const TWO = { containers: [{ name: 'app' }, { name: 'worker' }], initContainers: [{ name: 'migrate' }] }

test.each([
  ['all', {}, []],
  ['some by name', { containers: 'app, migrate' }, ['worker']],
  ['all but some', { 'skip-containers': 'worker,migrate' }, ['worker', 'migrate']],
  ['some by name, but one', { containers: 'app,worker', 'skip-containers': 'app' }, ['app', 'migrate']],
])('containers receive: %s', (_name, annotations, skipped) => {
  const seen = decision(podWith({ audience: 'vault.example', ...annotations }, TWO))
  const injection = seen.outcome === 'injected' ? seen.injection : undefined
  expect([...(injection?.skipped ?? [])].sort()).toEqual([...skipped].sort())
})

test.each([
  ['containers', 'workr', 'worker'],
  ['skip-containers', 'app,migrat', 'migrate'],
  ['skip-containers', 'token-projector', 'worker'],
])('%s: %s names a container that is not there', (suffix, value, nearest) => {
  const seen = decision(podWith({ audience: 'vault.example', [suffix]: value }, TWO))
  expect(seen).toMatchObject({
    refusals: [{ refused: 'unknown-container', message: expect.stringContaining(`the nearest is ${nearest}`) }],
  })
})

test.each([
  ['all containers by the pod', { securityContext: { runAsUser: 1000 } }, 1000],
  ['all containers by themselves', { containers: [{ name: 'a', securityContext: { runAsUser: 7 } }] }, 7],
  [
    'a container against the pod',
    { securityContext: { runAsUser: 1000 }, containers: [{ name: 'a', securityContext: { runAsUser: 7 } }] },
    7,
  ],
  [
    'an init container that differs',
    { securityContext: { runAsUser: 1000 }, initContainers: [{ name: 'i', securityContext: { runAsUser: 0 } }] },
    65_532,
  ],
  [
    'a container without a user',
    { containers: [{ name: 'a', securityContext: { runAsUser: 7 } }, { name: 'b' }] },
    65_532,
  ],
  ['root', { securityContext: { runAsUser: 0 } }, 65_532],
  ['nobody', {}, 65_532],
])('our container runs as the one user of the pod: %s', (_name, spec, expected) => {
  const seen = decision(podWith({ audience: 'vault.example' }, spec))
  expect(seen).toMatchObject({ injection: { own: [{ securityContext: { runAsUser: expected } }] } })
})

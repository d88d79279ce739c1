/** What others may do to our container, and what makes it another one. */
import { expect, test } from 'vitest'
import type { InjectionContext } from '../../src/webhook/context.ts'
import type { JsonObject } from '../../src/webhook/json.ts'
import { projectPod } from '../../src/webhook/pod.ts'
import { CONTEXT } from './context.ts'

const context: InjectionContext = { ...CONTEXT, policyCheck: 'off' }

/** An injected pod with `change` merged over our container. */
function changed(change: JsonObject): JsonObject {
  const pod = {
    metadata: { name: 'a', annotations: { 'token-projector.dev/audience': 'vault.example' } },
    spec: { containers: [{ name: 'app', image: 'app' }] },
  }
  const injected = projectPod(pod, 'payments', context)
  if (injected.outcome !== 'injected') throw new Error(injected.outcome)
  const spec = injected.pod['spec'] as { initContainers: JsonObject[] }
  return { ...injected.pod, spec: { ...spec, initContainers: [{ ...spec.initContainers[0], ...change }] } }
}

test.each([
  ['privileged', { privileged: true }],
  ['allowed to gain privileges', { allowPrivilegeEscalation: true }],
  ['root', { runAsUser: 0 }],
])('a container of our name that is %s is not ours', (_what, securityContext) => {
  expect(projectPod(changed({ securityContext }), 'payments', context)).toMatchObject({
    outcome: 'refused',
    refusals: [{ refused: 'reserved-name', message: expect.stringContaining('whose securityContext is not') }],
  })
})

test('NODE_OPTIONS that are read from elsewhere are emptied again', () => {
  const [first] = (changed({})['spec'] as { initContainers: { env: JsonObject[] }[] }).initContainers
  const foreign = { name: 'NODE_OPTIONS', valueFrom: { fieldRef: { fieldPath: 'metadata.annotations' } } }
  const env = (first?.env ?? []).map((entry) => (entry['name'] === 'NODE_OPTIONS' ? foreign : entry))
  const outcome = projectPod(changed({ env }), 'payments', context)
  if (outcome.outcome !== 'injected') throw new Error(outcome.outcome)
  const [ours] = (outcome.pod['spec'] as { initContainers: { env: JsonObject[] }[] }).initContainers
  expect(ours?.env.at(-1)).toEqual({ name: 'NODE_OPTIONS', value: '' })
})

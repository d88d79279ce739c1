/** The installation that the webhook's tests share. */

import { WELL_KNOWN_RESERVED_AUDIENCES } from '../../src/policy/decide.ts'
import type { AudiencePolicy } from '../../src/policy/document.ts'
import type { InjectionContext } from '../../src/webhook/context.ts'
import type { JsonObject } from '../../src/webhook/json.ts'

export const NAMESPACE = 'payments'
const IDENTITY_AUDIENCE = 'https://issuer.token-projector.test/token'

function policy(name: string, changes: Partial<AudiencePolicy>): AudiencePolicy {
  return {
    name,
    effect: 'Allow',
    namespaces: [NAMESPACE],
    serviceAccounts: ['*'],
    audiences: ['*'],
    maxTtlSeconds: 86_400,
    claims: 'standard',
    ...changes,
  }
}

export const CONTEXT: InjectionContext = {
  prefix: 'token-projector.dev/',
  image: 'registry.example/token-projector:0.1.0',
  version: '0.1.0',
  signer: { url: 'https://token-projector-signer.token-projector.svc' },
  identityAudience: IDENTITY_AUDIENCE,
  policyCheck: 'refuse',
  policies: [
    policy('allow-most', {
      audiences: [
        'api://$(HOSTNAME)/a$$b',
        'api://AzureADTokenExchange',
        'sts.amazonaws.com',
        'sts.amazonaws.com.cn',
        'vault',
        'vault.example',
        'https://vault.example:8200',
        'https://federation.example',
        'https://inventory.example',
        'https://search.example',
        '//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/clusters/providers/prod',
      ],
    }),
    policy('short', { audiences: ['short-lived.example'], maxTtlSeconds: 1800 }),
    policy('forbid', { effect: 'Deny', audiences: ['forbidden.example'] }),
  ],
  reserved: new Set([...WELL_KNOWN_RESERVED_AUDIENCES, IDENTITY_AUDIENCE]),
}

/** As {@link CONTEXT}, but policy is not looked at. */
export const WITHOUT_POLICY: InjectionContext = { ...CONTEXT, policyCheck: 'off' }

/** A pod with one container and these annotations, given by suffix. */
export function podWith(annotations: Record<string, string>, spec: JsonObject = {}): JsonObject {
  const entries = Object.entries(annotations).map(([suffix, value]) => [CONTEXT.prefix + suffix, value])
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'checkout', annotations: Object.fromEntries(entries) },
    spec: { serviceAccountName: 'checkout', containers: [{ name: 'app', image: 'registry.example/app:1' }], ...spec },
  }
}

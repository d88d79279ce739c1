/** GCP: a provider of a workload identity pool, and the principal that roles are granted to. Pure. */
import { hcl, type Identity, type Receiver, type Values } from './receiver.ts'

const NAME = /^[a-z][a-z0-9-]{2,30}[a-z0-9]$/

export const gcp: Receiver = {
  name: 'gcp',
  title: 'GCP workload identity pool',
  parameters: [
    { name: 'project-number', shape: 'the number of a project, not its name', pattern: /^\d{6,20}$/ },
    { name: 'pool', shape: 'the id of a workload identity pool', pattern: NAME },
    { name: 'provider', shape: 'the id of a provider in the pool', pattern: NAME },
  ],
  audience: (values) => `//iam.googleapis.com/${poolOf(values)}/providers/${values['provider']}`,
  documents: (identity, values) => [
    {
      place: `provider ${values['provider']} of the pool, as its REST API takes it`,
      content: {
        attributeMapping: { 'google.subject': 'assertion.sub' },
        oidc: { issuerUri: identity.issuer, allowedAudiences: [identity.audience] },
      },
    },
    {
      place: 'binding in the IAM policy of what it may use',
      content: { role: 'roles/iam.workloadIdentityUser', members: [principalOf(identity, values)] },
    },
  ],
  terraform: (identity, values) => `resource "google_iam_workload_identity_pool_provider" "token_projector" {
  workload_identity_pool_id          = ${hcl(values['pool'] ?? '')}
  workload_identity_pool_provider_id = ${hcl(values['provider'] ?? '')}

  attribute_mapping = {
    "google.subject" = "assertion.sub"
  }

  oidc {
    issuer_uri        = ${hcl(identity.issuer)}
    allowed_audiences = [${hcl(identity.audience)}]
  }
}

# The member that roles are granted to:
locals {
  token_projector_principal = ${hcl(principalOf(identity, values))}
}
`,
}

const poolOf = (values: Values) =>
  `projects/${values['project-number']}/locations/global/workloadIdentityPools/${values['pool']}`

const principalOf = ({ subject }: Identity, values: Values) =>
  `principal://iam.googleapis.com/${poolOf(values)}/subject/${subject}`

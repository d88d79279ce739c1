/** Azure: a federated identity credential, which compares issuer, subject and audience byte by byte. Pure. */
import { hcl, type Receiver } from './receiver.ts'

export const azure: Receiver = {
  name: 'azure',
  title: 'Azure federated identity credential',
  parameters: [
    {
      name: 'credential',
      shape: '3 to 120 letters, digits, hyphens and underscores',
      pattern: /^[A-Za-z0-9][A-Za-z0-9_-]{2,119}$/,
      preset: 'token-projector',
    },
  ],
  audience: () => 'api://AzureADTokenExchange',
  documents: ({ issuer, subject, audience }, { credential }) => [
    {
      place: 'az ad app federated-credential create --id CLIENT_ID --parameters',
      content: { name: credential, issuer, subject, audiences: [audience] },
    },
  ],
  terraform: ({ issuer, subject, audience }, { credential = '' }) => `variable "application_id" {
  description = "Resource id of the application"
  type        = string
}

resource "azuread_application_federated_identity_credential" "token_projector" {
  application_id = var.application_id
  display_name   = ${hcl(credential)}
  issuer         = ${hcl(issuer)}
  subject        = ${hcl(subject)}
  audiences      = [${hcl(audience)}]
}
`,
}

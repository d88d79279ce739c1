/** Google Cloud: Workload Identity Federation, in the credential file that its client libraries look for. Pure. */
import { JWT_TOKEN_TYPE } from '../contract.ts'
import { type Provider, type Provision, pathOf } from './provider.ts'
import { AUDIENCE, allOf, optional, type Rule, required } from './value.ts'

const FILE = 'gcp.json'
const RESOURCE = /^(?:(?:https:)?\/\/iam\.googleapis\.com\/)?(?<resource>projects\/.+)$/

const PROVIDER: Rule = {
  pattern:
    /^(?:(?:https:)?\/\/iam\.googleapis\.com\/)?projects\/\d{1,20}\/locations\/global\/workloadIdentityPools\/[a-z0-9-]{4,32}\/providers\/[a-z0-9-]{4,32}$/,
  shape: 'projects/PROJECT_NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER',
}
const SERVICE_ACCOUNT: Rule = {
  pattern: /^(?=.{1,254}$)[a-z0-9-]{1,63}@(?:[a-z0-9-]{1,63}\.)+gserviceaccount\.com$/,
  shape: "a Google service account's e-mail, such as checkout@my-project.iam.gserviceaccount.com",
}

export const gcp: Provider = {
  name: 'gcp',
  annotations: [
    {
      suffix: 'gcp-provider',
      meaning: 'workload identity pool provider; asks for the token `gcp` and writes `gcp.json`',
    },
    { suffix: 'gcp-service-account', meaning: 'Google service account that is impersonated; by default none is' },
    { suffix: 'gcp-audience', meaning: "audience of the token; by default the provider's full resource name" },
  ],
  triggers: ['gcp-provider'],
  read(values) {
    const readings = allOf({
      provider: required(values, 'gcp-provider', PROVIDER, gcp.annotations),
      serviceAccount: optional(values, 'gcp-service-account', SERVICE_ACCOUNT),
      audience: optional(values, 'gcp-audience', AUDIENCE),
    })
    if (Array.isArray(readings)) return readings
    return provisionOf(readings.provider, readings.serviceAccount, readings.audience)
  },
}

function provisionOf(provider: string, serviceAccount: string | undefined, audience: string | undefined): Provision {
  const name = `//iam.googleapis.com/${RESOURCE.exec(provider)?.groups?.['resource']}`
  return {
    token: { name: 'gcp', audience: audience ?? name },
    variables: [{ name: 'GOOGLE_APPLICATION_CREDENTIALS', value: pathOf(FILE) }],
    files: [{ name: FILE, content: JSON.stringify(credentialFile(name, serviceAccount)) }],
  }
}

/** The `external_account` form, google.aip.dev/auth/4117. Its audience is the provider, whatever the token's is. */
function credentialFile(provider: string, serviceAccount: string | undefined) {
  return {
    type: 'external_account',
    audience: provider,
    subject_token_type: JWT_TOKEN_TYPE,
    token_url: 'https://sts.googleapis.com/v1/token',
    ...(serviceAccount === undefined
      ? {}
      : {
          service_account_impersonation_url: `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${serviceAccount}:generateAccessToken`,
        }),
    credential_source: { file: pathOf('gcp'), format: { type: 'text' } },
  }
}

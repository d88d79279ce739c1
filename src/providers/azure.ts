/** Azure: a federated identity credential, in the variables that the Azure Identity libraries look for. Pure. */
import { AZURE_MINIMUM_TTL_SECONDS } from '../contract.ts'
import { type Provider, pathOf } from './provider.ts'
import { allOf, type Rule, required } from './value.ts'

const GUID: Rule = {
  pattern: /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/,
  shape: 'a GUID, such as 11111111-2222-3333-4444-555555555555',
}

export const azure: Provider = {
  name: 'azure',
  annotations: [
    {
      suffix: 'azure-client-id',
      meaning: 'client id of the application or managed identity; asks for the token `azure`',
    },
    { suffix: 'azure-tenant-id', meaning: 'id of its tenant; the two belong together' },
  ],
  triggers: ['azure-client-id', 'azure-tenant-id'],
  triggerVariable: 'AZURE_CLIENT_ID',
  read(values) {
    const readings = allOf({
      clientId: required(values, 'azure-client-id', GUID, azure.annotations),
      tenantId: required(values, 'azure-tenant-id', GUID, azure.annotations),
    })
    if (Array.isArray(readings)) return readings
    return {
      token: { name: 'azure', audience: 'api://AzureADTokenExchange' },
      variables: [
        { name: 'AZURE_CLIENT_ID', value: readings.clientId },
        { name: 'AZURE_TENANT_ID', value: readings.tenantId },
        { name: 'AZURE_FEDERATED_TOKEN_FILE', value: pathOf('azure') },
        { name: 'AZURE_AUTHORITY_HOST', value: 'https://login.microsoftonline.com/' },
      ],
      files: [],
      minimumTtlSeconds: AZURE_MINIMUM_TTL_SECONDS,
    }
  },
}

/** Vault and OpenBao: the JWT auth method, as a configuration for their Agent. Pure. */
import { type Provider, pathOf } from './provider.ts'
import { AUDIENCE, allOf, optional, type Rule, required } from './value.ts'

const FILE = 'vault.json'
/** What Vault's framework takes as a name in a path. */
const ROLE: Rule = {
  pattern: /^\w(?:[\w.-]{0,253}\w)?$/,
  shape: 'the name of a role of the JWT auth method: letters, digits and any of _.-',
}

/** No variable for a token file is standard among Vault's clients, so there is a file and `P/env.vault`. */
export const vault: Provider = {
  name: 'vault',
  annotations: [
    {
      suffix: 'vault-role',
      meaning: 'role of the JWT auth method; asks for the token `vault` and writes `vault.json`',
    },
    { suffix: 'vault-audience', meaning: 'audience of the token; by default `vault`' },
  ],
  triggers: ['vault-role'],
  read(values) {
    const readings = allOf({
      role: required(values, 'vault-role', ROLE, vault.annotations),
      audience: optional(values, 'vault-audience', AUDIENCE),
    })
    if (Array.isArray(readings)) return readings
    return {
      token: { name: 'vault', audience: readings.audience ?? 'vault' },
      variables: [],
      files: [{ name: FILE, content: JSON.stringify(agentConfiguration(readings.role)) }],
    }
  },
}

/** The Agent would delete the token after reading, from a mount where it cannot. */
function agentConfiguration(role: string) {
  return {
    auto_auth: { method: { type: 'jwt', config: { path: pathOf('vault'), role, remove_jwt_after_reading: false } } },
  }
}

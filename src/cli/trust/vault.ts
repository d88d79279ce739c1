/** Vault and OpenBao: the JWT auth method's configuration and a role. Pure. */
import { hcl, type Receiver } from './receiver.ts'

export const vault: Receiver = {
  name: 'vault',
  title: 'Vault or OpenBao JWT auth',
  parameters: [
    { name: 'role', shape: 'the name of a role', pattern: /^[\w.-]{1,128}$/ },
    { name: 'mount', shape: 'the path of the auth method', pattern: /^[\w./-]{1,128}$/, preset: 'jwt' },
  ],
  audience: () => 'vault',
  documents: ({ issuer, subject, audience }, { role, mount }) => [
    {
      place: `vault write auth/${mount}/config`,
      content: { oidc_discovery_url: issuer, bound_issuer: issuer },
    },
    {
      place: `vault write auth/${mount}/role/${role}`,
      content: { role_type: 'jwt', user_claim: 'sub', bound_audiences: [audience], bound_subject: subject },
    },
  ],
  terraform: (
    { issuer, subject, audience },
    { role = '', mount = '' },
  ) => `resource "vault_jwt_auth_backend" "token_projector" {
  path               = ${hcl(mount)}
  oidc_discovery_url = ${hcl(issuer)}
  bound_issuer       = ${hcl(issuer)}
}

resource "vault_jwt_auth_backend_role" "token_projector" {
  backend         = vault_jwt_auth_backend.token_projector.path
  role_name       = ${hcl(role)}
  role_type       = "jwt"
  user_claim      = "sub"
  bound_audiences = [${hcl(audience)}]
  bound_subject   = ${hcl(subject)}
}
`,
}

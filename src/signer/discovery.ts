/** The two documents by which anyone verifies our tokens: OpenID discovery and the JWK Set. Pure. */
import { type CallerFacts, DISCOVERY_PATH, JWKS_PATH } from '../contract.ts'
import { claimsOf } from '../policy/claims.ts'
import type { IssuerSettings } from './config-file.ts'
import { type Keyring, publicKeys } from './keyring.ts'

/** A document as it is served. */
export interface PublicDocument {
  /** Below the issuer URL's own path. */
  path: string
  contentType: string
  /** The text now; undefined while there is none yet. */
  body(): string | undefined
}

const REGISTERED_CLAIMS = ['iss', 'sub', 'aud', 'iat', 'nbf', 'exp', 'jti']
/** Every fact that there is, so that a profile shows every claim that it can make. */
const EVERY_FACT: CallerFacts = {
  cluster: '',
  namespace: '',
  serviceAccount: { name: '', uid: '' },
  pod: { name: '', uid: '' },
  node: { name: '', uid: '' },
  expiresAt: 0,
}

/** Both documents of an issuer; nothing in them comes from a request. */
export function publicDocuments(
  issuer: Pick<IssuerSettings, 'url' | 'alg'>,
  keyring: () => Keyring | undefined,
): PublicDocument[] {
  const discovery = json(discoveryDocument(issuer))
  const base = new URL(issuer.url).pathname.replace(/\/$/, '')
  return [
    {
      path: base + DISCOVERY_PATH,
      contentType: 'application/json',
      body: () => discovery,
    },
    {
      path: base + JWKS_PATH,
      contentType: 'application/jwk-set+json',
      body() {
        const keys = keyring()
        return keys && json({ keys: publicKeys(keys) })
      },
    },
  ]
}

/** The six fields that AWS demands; like Kubernetes' own issuer, without endpoints for people. */
function discoveryDocument({ url, alg }: Pick<IssuerSettings, 'url' | 'alg'>): object {
  return {
    issuer: url,
    jwks_uri: url + JWKS_PATH,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [alg],
    claims_supported: [...REGISTERED_CLAIMS, ...Object.keys(claimsOf('full', '', EVERY_FACT))],
  }
}

function json(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`
}

/** An OIDC issuer made for tests of the STS double: a key, the documents it publishes, and tokens as it signs them. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

/** A GET's answer by its URL. */
export type Documents = Record<string, unknown>

export interface TestIssuer {
  /** Discovery and keys by URL, ready to be changed. */
  documents(): Documents
  /** A compact JWT; members of `claims` and `header` that are undefined are left out. */
  sign(claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>
}

export async function createIssuer(url: string, alg = 'RS256', kid = 'key-1'): Promise<TestIssuer> {
  const { publicKey, privateKey } = await generateKeyPair(alg)
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }
  return {
    documents: () => ({
      [`${url}/.well-known/openid-configuration`]: {
        issuer: url,
        jwks_uri: `${url}/.well-known/jwks.json`,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: [alg],
        claims_supported: ['aud', 'exp', 'iat', 'iss', 'jti', 'nbf', 'sub'],
      },
      [`${url}/.well-known/jwks.json`]: { keys: [jwk] },
    }),
    sign: (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg, kid, typ: 'JWT', ...header }).sign(privateKey),
  }
}

/** A `fetch` that knows only `documents`; anything else is answered 404. */
export function fetchOf(documents: Documents): (url: string) => Promise<Response> {
  return async (url) =>
    url in documents
      ? Response.json(documents[url], { headers: { 'content-type': 'application/json' } })
      : new Response(null, { status: 404 })
}

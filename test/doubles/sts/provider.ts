/** Fetches an issuer's discovery document and keys, and verifies a token's signature with them, as STS does. */
import { type CompactJWSHeaderParameters, compactVerify, createRemoteJWKSet, customFetch, type JWK } from 'jose'
import { type CustomFetch, discovery, customFetch as oidcFetch } from 'openid-client'
import type { Provider } from './account.ts'
import { type Fault, fault, isFault } from './fault.ts'

/** What AWS verifies with; EdDSA and the PS family are not among them. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512']
/** AWS gives up on an issuer that takes longer. */
const TIMEOUT_SECONDS = 5
const MAXIMUM_KEYS_PER_TYPE = 100
const REQUIRED_CLAIMS = ['aud', 'iat', 'iss', 'sub']

const NO_KEY = "Couldn't retrieve verification key from your identity provider"
const NOT_A_JWT = 'The ID Token provided is not a valid JWT'

/** How the double reaches issuers: the platform's `fetch`, or a fake. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface VerifiedToken {
  header: CompactJWSHeaderParameters
  claims: Record<string, unknown>
}

type Keys = ReturnType<typeof createRemoteJWKSet>

/**
 * Verifies `token` with what `provider` publishes now. Unlike AWS it caches nothing, so that every
 * call sees the keys as they are.
 * @returns `InvalidIdentityToken` for what the issuer publishes or signed wrongly, `IDPCommunicationError`
 * when it cannot be reached
 */
export async function verifyToken(token: string, provider: Provider, fetch: Fetch): Promise<VerifiedToken | Fault> {
  const keys = await fetchKeys(provider, fetch)
  if (isFault(keys)) return keys
  try {
    const { payload, protectedHeader } = await compactVerify(token, keys, { algorithms: ALGORITHMS })
    return { header: protectedHeader, claims: objectOf(new TextDecoder().decode(payload)) }
  } catch (error) {
    return fault('InvalidIdentityToken', sentenceOf(error))
  }
}

async function fetchKeys(provider: Provider, fetch: Fetch): Promise<Keys | Fault> {
  let unreachable = false
  const watched: Fetch = (url, init) =>
    fetch(url, init).catch((error) => {
      unreachable = true
      throw error
    })
  try {
    const metadata = await discover(provider, watched)
    const problem = discoveryProblem(metadata, provider)
    if (problem !== undefined) return fault('InvalidIdentityToken', `${NO_KEY}: ${problem}`)
    return await loadKeys(String(metadata['jwks_uri']), watched)
  } catch {
    return unreachable
      ? fault('IDPCommunicationError', `The identity provider ${provider.issuer} could not be reached`)
      : fault('InvalidIdentityToken', `${NO_KEY}: its answer is not usable`)
  }
}

async function discover({ issuer, clientIds }: Provider, fetch: Fetch): Promise<Record<string, unknown>> {
  const configuration = await discovery(new URL(issuer), clientIds[0] ?? '', undefined, undefined, {
    timeout: TIMEOUT_SECONDS,
    [oidcFetch]: fetch as CustomFetch,
  })
  return { ...configuration.serverMetadata() }
}

/** The six fields without which AWS does not accept a provider; the library compares `issuer` as a URL, AWS as text. */
function discoveryProblem(metadata: Record<string, unknown>, { issuer }: Provider): string | undefined {
  const lists = (name: string, value: string) => [metadata[name]].flat().includes(value)
  const signing = [metadata['id_token_signing_alg_values_supported']].flat()
  const checks: [boolean, string][] = [
    [metadata['issuer'] === issuer, 'issuer differs from the registered URL'],
    [URL.canParse(String(metadata['jwks_uri'])), 'jwks_uri is missing'],
    [String(metadata['jwks_uri']).startsWith('https://'), 'jwks_uri must start with https'],
    [lists('response_types_supported', 'id_token'), 'response_types_supported lacks id_token'],
    [lists('subject_types_supported', 'public'), 'subject_types_supported lacks public'],
    [
      signing.some((alg) => ALGORITHMS.includes(String(alg))),
      'id_token_signing_alg_values_supported lacks our algorithms',
    ],
    ...REQUIRED_CLAIMS.map((claim): [boolean, string] => [
      lists('claims_supported', claim),
      `claims_supported lacks ${claim}`,
    ]),
  ]
  return checks.find(([holds]) => !holds)?.[1]
}

async function loadKeys(uri: string, fetch: Fetch): Promise<Keys | Fault> {
  const keys = createRemoteJWKSet(new URL(uri), { timeoutDuration: TIMEOUT_SECONDS * 1000, [customFetch]: fetch })
  await keys.reload()
  const published: JWK[] = keys.jwks()?.keys ?? []
  const count = (type: string) => published.filter(({ kty }) => kty === type).length
  if (count('RSA') + count('EC') === 0) return fault('InvalidIdentityToken', `${NO_KEY}: it publishes no RSA or EC key`)
  if (Math.max(count('RSA'), count('EC')) > MAXIMUM_KEYS_PER_TYPE) {
    return fault('InvalidIdentityToken', `${NO_KEY}: more than ${MAXIMUM_KEYS_PER_TYPE} keys of one type`)
  }
  return keys
}

function objectOf(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SyntaxError(NOT_A_JWT)
  return { ...value }
}

function sentenceOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ERR_JWKS_NO_MATCHING_KEY' || code === 'ERR_JWKS_MULTIPLE_MATCHING_KEYS') return NO_KEY
  if (code === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED') return "The token's signature does not verify"
  if (code === 'ERR_JOSE_ALG_NOT_ALLOWED') return "The token's signature algorithm is not supported"
  return NOT_A_JWT
}

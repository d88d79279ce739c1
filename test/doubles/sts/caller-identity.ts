/** GetCallerIdentity: says who signed a request, after signing it again with the secret of the session it names. */
import { createHash, createHmac, type Hash, type Hmac, timingSafeEqual } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import { type Fault, fault } from './fault.ts'
import type { Session, Sessions } from './sessions.ts'

const CREDENTIAL = /^([A-Z0-9]{16,128})\/(\d{8})\/([a-z0-9-]{1,64})\/([a-z0-9-]{1,64})\/aws4_request$/
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=(\S{1,300}), ?SignedHeaders=([a-z0-9;-]{1,1000}), ?Signature=([0-9a-f]{64})$/
const AMZ_DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/
const SERVICE = 'sts'
const MAXIMUM_SKEW_MS = 15 * 60_000
/** A signature without these says nothing of whom and when it was meant for. */
const MUST_BE_SIGNED = ['host', 'x-amz-date', 'x-amz-security-token']

/** A request to `/` as it came, header names in lower case. */
export interface SignedRequest {
  headers: Record<string, string>
  body: Buffer
}

interface Authorization {
  accessKeyId: string
  /** `YYYYMMDD` of the credential scope. */
  day: string
  region: string
  service: string
  signedHeaders: string[]
  signature: string
  signedAt: Date
}

/**
 * The session that signed `request`.
 * @param nowMs Unix milliseconds
 */
export async function identifyCaller(
  request: SignedRequest,
  sessions: Pick<Sessions, 'find'>,
  nowMs: number,
): Promise<Session | Fault> {
  if (request.headers['authorization'] === undefined) {
    return fault('MissingAuthenticationToken', 'Request is missing Authentication Token')
  }
  const authorization = parseAuthorization(request.headers)
  if (authorization === undefined) {
    return fault('IncompleteSignature', 'Authorization and X-Amz-Date do not follow Signature Version 4')
  }
  const session = sessions.find(authorization.accessKeyId)
  if (session === undefined || !equal(session.sessionToken, request.headers['x-amz-security-token'] ?? '')) {
    return fault('InvalidClientTokenId', 'The security token included in the request is invalid.')
  }
  const problem =
    scopeProblem(request, authorization, nowMs) ?? (await signatureProblem(request, authorization, session))
  if (problem !== undefined) return fault('SignatureDoesNotMatch', problem)
  if (session.expiresAt * 1000 <= nowMs) {
    return fault('ExpiredToken', 'The security token included in the request is expired')
  }
  return session
}

function parseAuthorization(headers: Record<string, string>): Authorization | undefined {
  const [, credential = '', signedHeaders = '', signature = ''] =
    AUTHORIZATION.exec(headers['authorization'] ?? '') ?? []
  const [, accessKeyId = '', day = '', region = '', service = ''] = CREDENTIAL.exec(credential) ?? []
  const signedAt = new Date((headers['x-amz-date'] ?? '').replace(AMZ_DATE, '$1-$2-$3T$4:$5:$6Z'))
  if (accessKeyId === '' || Number.isNaN(signedAt.getTime())) return undefined
  return { accessKeyId, day, region, service, signedHeaders: signedHeaders.split(';'), signature, signedAt }
}

function scopeProblem(request: SignedRequest, authorization: Authorization, nowMs: number): string | undefined {
  const { signedAt, service, day, signedHeaders } = authorization
  if (Math.abs(signedAt.getTime() - nowMs) > MAXIMUM_SKEW_MS) {
    return `Signature expired: signed at ${signedAt.toISOString()}, more than 15 minutes from ${new Date(nowMs).toISOString()}`
  }
  if (service !== SERVICE) return `Credential should be scoped to correct service: '${SERVICE}'.`
  if (day !== request.headers['x-amz-date']?.slice(0, 8)) return 'Date in Credential scope does not match X-Amz-Date'
  const unsigned = MUST_BE_SIGNED.find((name) => !signedHeaders.includes(name))
  if (unsigned !== undefined) return `Header ${unsigned} must be signed`
  const claimed = request.headers['x-amz-content-sha256']
  // The signing library believes this header, so it is held against the body here.
  return claimed === undefined || claimed === createHash('sha256').update(request.body).digest('hex')
    ? undefined
    : 'X-Amz-Content-Sha256 does not match the body'
}

async function signatureProblem(
  { headers, body }: SignedRequest,
  { region, signedHeaders, signedAt, signature }: Authorization,
  session: Session,
): Promise<string | undefined> {
  const signer = new SignatureV4({
    service: SERVICE,
    region,
    credentials: session,
    sha256: Sha256,
    applyChecksum: false,
  })
  const request = {
    method: 'POST',
    protocol: 'https:',
    hostname: '',
    path: '/',
    headers: Object.fromEntries(signedHeaders.map((name) => [name, headers[name] ?? ''])),
    body,
  }
  const ours = await signer.sign(request, { signingDate: signedAt, signableHeaders: new Set(signedHeaders) })
  return equal(ours.headers['authorization']?.split('Signature=')[1] ?? '', signature)
    ? undefined
    : 'The request signature we calculated does not match the signature you provided.'
}

/** In a time that does not depend on where two texts differ. */
function equal(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(one), digest(other))
}

/** Node's hash in the shape that the signing library constructs. */
class Sha256 {
  readonly #secret: Uint8Array | undefined
  #hash: Hash | Hmac

  constructor(secret?: unknown) {
    this.#secret = secret === undefined ? undefined : bytesOf(secret)
    this.#hash = this.#fresh()
  }

  update(chunk: unknown): void {
    this.#hash.update(bytesOf(chunk))
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }

  reset(): void {
    this.#hash = this.#fresh()
  }

  #fresh(): Hash | Hmac {
    return this.#secret === undefined ? createHash('sha256') : createHmac('sha256', this.#secret)
  }
}

function bytesOf(data: unknown): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data) : Uint8Array.from(data as Uint8Array)
}

/** Plays the kubelet and the API server for one pod: signs its identity token with a local key and keeps it fresh. */
import { mkdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { replaceFile } from '../../keeper/token-file.ts'
import type { PodFacts } from './environment.ts'
import { isDue } from './identity.ts'
import type { IdentityProjection } from './volumes.ts'

const ALGORITHM = 'RS256'
/** As often as a kubelet synchronises a pod, or oftener; a machine that slept finds out soon. */
const LOOK_EVERY_MS = 10_000

/** A cluster's signing key of one run; the private half never leaves this process. */
export interface ClusterKey {
  /** What the cluster would publish. */
  jwks: { keys: JWK[] }
  sign(claims: Record<string, unknown>): Promise<string>
}

export interface KubeletDeps {
  /** Milliseconds. */
  now(): number
  random(): number
  randomUUID(): string
  /** Called when a refresh fails; the old token stays and is tried again. */
  onError(error: unknown): void
}

export interface Subject {
  issuer: string
  facts: PodFacts
  serviceAccountUid: string
  nodeUid: string
}

export async function createClusterKey(randomUUID: () => string): Promise<ClusterKey> {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM, { modulusLength: 2048 })
  const kid = randomUUID()
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: ALGORITHM, use: 'sig' }
  return {
    jwks: { keys: [jwk] },
    sign: (claims) => new SignJWT(claims).setProtectedHeader({ alg: ALGORITHM, kid }).sign(privateKey),
  }
}

/**
 * Writes the identity token where the pod's volume has it, and again when 80 % of its life is over.
 * @returns when the first is there: a function that ends the refreshing
 * @throws ProjectorError `token-file-unwritable` when the first cannot be written
 */
export async function keepIdentityToken(
  key: ClusterKey,
  subject: Subject,
  projection: IdentityProjection,
  deps: KubeletDeps,
): Promise<() => void> {
  const folder = { directory: dirname(projection.file), mode: 0o600, random: deps.random }
  let issuedAt = 0
  async function write(): Promise<void> {
    const now = Math.floor(deps.now() / 1000)
    const token = await key.sign(claimsOf(subject, projection, now, deps.randomUUID()))
    replaceFile(folder, basename(projection.file), token)
    issuedAt = now
  }
  mkdirSync(folder.directory, { recursive: true, mode: 0o700 })
  await write()
  const timer = setInterval(() => {
    if (isDue(issuedAt, projection.ttlSeconds, deps.now() / 1000)) write().catch(deps.onError)
  }, LOOK_EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** As `pkg/serviceaccount/claims.go` makes them for a token that is bound to a pod. */
function claimsOf(
  { issuer, facts, serviceAccountUid, nodeUid }: Subject,
  projection: IdentityProjection,
  now: number,
  jti: string,
) {
  return {
    aud: [projection.audience],
    exp: now + projection.ttlSeconds,
    iat: now,
    iss: issuer,
    jti,
    'kubernetes.io': {
      namespace: facts.namespace,
      node: { name: facts.nodeName, uid: nodeUid },
      pod: { name: facts.name, uid: facts.uid },
      serviceaccount: { name: facts.serviceAccount, uid: serviceAccountUid },
    },
    nbf: now,
    sub: `system:serviceaccount:${facts.namespace}:${facts.serviceAccount}`,
  }
}

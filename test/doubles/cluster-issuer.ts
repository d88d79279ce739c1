/** Plays a cluster's token issuer: a key of its own, its public JWK Set, and identity tokens as an API server makes them. */
import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, type JWK, SignJWT } from 'jose'

export interface ClusterIssuerOptions {
  /** `iss` of its tokens. */
  issuer: string
  /** Audience of its tokens unless one is asked for. */
  audience?: string
  alg?: 'RS256' | 'ES256' | 'ES384' | 'ES512'
}

export interface MintOverrides {
  audience?: string | string[]
  namespace?: string
  serviceAccount?: string
  pod?: string
  node?: string
  /** Unix seconds; now unless given. */
  issuedAt?: number
  /** Negative makes an expired token. */
  expiresInSeconds?: number
  /** Replaces single claims; undefined removes one. */
  claims?: Record<string, unknown>
  /** Replaces single header members; undefined removes one. */
  header?: Record<string, unknown>
  /** Signs with another key than the published one. */
  key?: KeyObject
}

export interface ClusterIssuer {
  issuer: string
  /** What the cluster publishes. */
  jwks(): { keys: JWK[] }
  /** A pod-bound token of `payments/checkout` unless overridden. */
  mint(overrides?: MintOverrides): Promise<string>
  /** From now on a new key signs; the old one stays published. */
  rotate(): Promise<void>
}

const CURVES = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const

export async function createClusterIssuer(options: ClusterIssuerOptions): Promise<ClusterIssuer> {
  const alg = options.alg ?? 'RS256'
  let newest = await createKey(alg)
  const published = [newest.jwk]

  return {
    issuer: options.issuer,
    jwks: () => ({ keys: [...published] }),
    async mint(overrides = {}) {
      const { privateKey, jwk } = newest
      const header = withoutUndefined({ alg, kid: jwk.kid, ...overrides.header })
      return new SignJWT(withoutUndefined({ ...claimsOf(options, overrides), ...overrides.claims }))
        .setProtectedHeader(header as { alg: string })
        .sign(overrides.key ?? privateKey)
    },
    async rotate() {
      newest = await createKey(alg)
      published.push(newest.jwk)
    },
  }
}

async function createKey(alg: keyof typeof CURVES | 'RS256'): Promise<{ privateKey: KeyObject; jwk: JWK }> {
  const { privateKey, publicKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: CURVES[alg] })
  const jwk = await exportJWK(publicKey)
  return { privateKey, jwk: { ...jwk, kid: await calculateJwkThumbprint(jwk), alg, use: 'sig' } }
}

/** As kubernetes pkg/serviceaccount/claims.go makes them. */
function claimsOf({ issuer, audience }: ClusterIssuerOptions, overrides: MintOverrides): Record<string, unknown> {
  const { namespace = 'payments', serviceAccount = 'checkout', pod = 'checkout-7c9f8d6b5d-x2k4q' } = overrides
  const issuedAt = overrides.issuedAt ?? Math.floor(Date.now() / 1000)
  return {
    iss: issuer,
    sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
    aud: [overrides.audience ?? audience ?? []].flat(),
    iat: issuedAt,
    nbf: issuedAt,
    exp: issuedAt + (overrides.expiresInSeconds ?? 3600),
    jti: randomUUID(),
    'kubernetes.io': {
      namespace,
      serviceaccount: { name: serviceAccount, uid: 'a1b2c3d4-0000-4000-8000-000000000001' },
      pod: { name: pod, uid: 'a1b2c3d4-0000-4000-8000-000000000002' },
      node: { name: overrides.node ?? 'node-1', uid: 'a1b2c3d4-0000-4000-8000-000000000003' },
    },
  }
}

function withoutUndefined(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))
}

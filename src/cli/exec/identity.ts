/** Says when the kubelet replaces an identity token. Pure. */

/** `pkg/kubelet/token/token_manager.go`: past 80 % of its life, or when the clock leapt back behind its beginning. */
const RENEW_AT = 0.8

/** All in seconds. */
export function isDue(issuedAt: number, ttlSeconds: number, now: number): boolean {
  return now >= issuedAt + ttlSeconds * RENEW_AT || now < issuedAt
}

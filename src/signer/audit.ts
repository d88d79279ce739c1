/** Writes a decision as one line of the audit log: who got what by which rule, or why not; never a token. Pure. */
import type { CallerFacts } from '../contract.ts'
import type { Reason } from '../errors.ts'
import { redact } from '../redact.ts'
import type { TokenGrant } from './grant.ts'

export interface AuditEntry {
  /** RFC 3339. */
  time: string
  requestId: string
  /** `failed` when we could not do the job. */
  decision: 'granted' | 'refused' | 'failed'
  reason?: Reason
  message?: string
  kid?: string
  grant?: TokenGrant
  asked?: { audience: string; ttlSeconds: number }
  caller?: CallerFacts
}

/** A JSON object and a newline; `"audit":true` tells it from the other lines of the same stream. */
export function auditLine(entry: AuditEntry): string {
  const { time, requestId, decision, reason, message, kid, grant, asked, caller } = entry
  const line = {
    audit: true,
    time,
    requestId,
    decision,
    reason,
    message,
    policy: grant?.policy,
    jti: grant?.claims.jti,
    kid,
    sub: grant?.claims.sub,
    aud: asked?.audience,
    ttlSeconds: grant?.ttlSeconds,
    askedTtlSeconds: asked?.ttlSeconds,
    ...callerMembers(caller),
  }
  // An audience can be anything that somebody pasted.
  return `${redact(JSON.stringify(line))}\n`
}

function callerMembers(caller: CallerFacts | undefined): object {
  if (caller === undefined) return {}
  return {
    cluster: caller.cluster,
    namespace: caller.namespace,
    serviceAccount: caller.serviceAccount.name,
    serviceAccountUid: caller.serviceAccount.uid,
    pod: caller.pod.name,
    podUid: caller.pod.uid,
    node: caller.node?.name,
    credentialId: caller.credentialId,
  }
}

/** Keeps the sessions that the double has issued, with the secrets that their requests are signed with. */
import { createHash, randomBytes, randomInt } from 'node:crypto'
import { parseRoleArn, type Role } from './account.ts'
import type { Identity } from './claims.ts'

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
/** More than any test issues; the oldest make room. */
const MAXIMUM_SESSIONS = 10_000

/** One set of temporary credentials and what it was given for. */
export interface Session {
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string
  /** Unix seconds. */
  expiresAt: number
  /** `arn:<partition>:sts::<account>:assumed-role/<role>/<session>`. */
  arn: string
  account: string
  /** `<role id>:<session>`. */
  userId: string
  identity: Identity
}

export interface Sessions {
  issue(role: Role, sessionName: string, identity: Identity, expiresAt: number): Session
  find(accessKeyId: string): Session | undefined
  /** Every session kept, oldest first. */
  all(): Session[]
}

export function createSessions(): Sessions {
  const kept = new Map<string, Session>()
  return {
    issue(role, sessionName, identity, expiresAt) {
      const session = newSession(role, sessionName, identity, expiresAt)
      kept.set(session.accessKeyId, session)
      const [oldest] = kept.keys()
      if (kept.size > MAXIMUM_SESSIONS && oldest !== undefined) kept.delete(oldest)
      return session
    },
    find: (accessKeyId) => kept.get(accessKeyId),
    all: () => [...kept.values()],
  }
}

function newSession(role: Role, sessionName: string, identity: Identity, expiresAt: number): Session {
  const name = parseRoleArn(role.arn)
  if (name === undefined) throw new TypeError(`${role.arn} is not the ARN of a role`)
  return {
    accessKeyId: `ASIA${randomBase32(16)}`,
    secretAccessKey: randomBytes(30).toString('base64'),
    sessionToken: randomBytes(192).toString('base64'),
    expiresAt,
    arn: `arn:${name.partition}:sts::${name.account}:assumed-role/${name.name}/${sessionName}`,
    account: name.account,
    userId: `${roleId(role.arn)}:${sessionName}`,
    identity,
  }
}

function randomBase32(length: number): string {
  return Array.from({ length }, () => BASE32[randomInt(BASE32.length)]).join('')
}

/** The same for every session of a role, as AWS's is. */
function roleId(arn: string): string {
  const digest = createHash('sha256').update(arn).digest()
  return `AROA${Array.from(digest.subarray(0, 17), (byte) => BASE32[byte % BASE32.length]).join('')}`
}

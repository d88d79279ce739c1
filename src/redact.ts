/** The last filter before anything is logged: drops what is shaped like a JWT or a PEM key. Pure. */

/**
 * Base64url parts joined by dots, each run looked at once from its beginning: a pattern that could begin anywhere in
 * a run would take quadratic time over text that callers choose.
 */
const DOTTED = /(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?/g
/** How the header of a JWT begins, `{"`; it may be glued to what stands before it. */
const JWT_START = 'eyJ'
/** One that is cut short ends with the JSON string that it stands in, so that the line stays JSON. */
const PEM_KEY = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:[^"\\]|\\.)*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|(?=")|$)/g
/** The private members of a JWK, RFC 7518 section 6; `k` would match too much prose and is never in our stores. */
const JWK_MEMBER = /("(?:d|p|q|dp|dq|qi)\\?"\s*:\s*\\?")[A-Za-z0-9_-]{16,}/g

/** `text` with every JWT, private PEM key and private JWK member replaced; the length of what was there is not told. */
export function redact(text: string): string {
  return text.replace(DOTTED, withoutToken).replace(PEM_KEY, '[redacted key]').replace(JWK_MEMBER, '$1[redacted key]')
}

/** A fragment without signature is a secret's shadow too, so two parts are enough. */
function withoutToken(run: string): string {
  const at = run.indexOf(JWT_START)
  return at === -1 || run.indexOf('.') < at ? run : `${run.slice(0, at)}[redacted token]`
}

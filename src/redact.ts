/** The last filter before anything is logged: drops what is shaped like a JWT or a PEM key. Pure. */

/** Three base64url parts of which the first begins like `{"`; a fragment without signature is a secret's shadow too. */
const JWT = /eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?/g
/** One that is cut short ends with the JSON string that it stands in, so that the line stays JSON. */
const PEM_KEY = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:[^"\\]|\\.)*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|(?=")|$)/g
/** The private members of a JWK, RFC 7518 section 6; `k` would match too much prose and is never in our stores. */
const JWK_MEMBER = /("(?:d|p|q|dp|dq|qi)\\?"\s*:\s*\\?")[A-Za-z0-9_-]{16,}/g

/** `text` with every JWT, private PEM key and private JWK member replaced; the length of what was there is not told. */
export function redact(text: string): string {
  return text
    .replace(JWT, '[redacted token]')
    .replace(PEM_KEY, '[redacted key]')
    .replace(JWK_MEMBER, '$1[redacted key]')
}

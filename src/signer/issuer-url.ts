/** Says whether a URL can be the `iss` of tokens that every relying party accepts. Pure. */

/** AWS takes 255 characters; the rest is room for the paths of the documents below it. */
const MAXIMUM_LENGTH = 200
/** What needs no escaping in a path, RFC 3986 section 2.3: the same bytes in the URL, the token and a policy. */
const SEGMENT = /^[A-Za-z0-9._~-]+$/
const IPV4 = /^\d+\.\d+\.\d+\.\d+$/

/**
 * Relying parties compare `iss` byte by byte, so only a URL in its one canonical form is accepted.
 * @returns what would be right, as the end of a sentence that begins with the key; undefined when the URL is good
 */
export function issuerUrlProblem(text: string): string | undefined {
  if (!text.startsWith('https://')) return 'must begin with https://'
  if (text.length > MAXIMUM_LENGTH) return `must be at most ${MAXIMUM_LENGTH} characters`
  if (/[?#]/.test(text)) return 'must have no query and no fragment'
  if (text.endsWith('/')) return 'must not end with a slash'
  if (!URL.canParse(text)) return 'must be a URL'
  return authorityProblem(text) ?? pathProblem(text)
}

function authorityProblem(text: string): string | undefined {
  const authority = text.slice('https://'.length).split('/')[0] ?? ''
  const { hostname } = new URL(text)
  if (authority.includes('@')) return 'must have no user'
  if (hostname.startsWith('[') || IPV4.test(hostname)) return 'must have a host name, not an IP address'
  if (authority.includes(':')) return 'must have no port: relying parties reach it at 443'
  if (authority !== hostname) return 'must have a lower-case host name in ASCII'
  return undefined
}

function pathProblem(text: string): string | undefined {
  const { pathname } = new URL(text)
  if (pathname === '/') return undefined
  const segments = text.split('/').slice(3)
  const canonical = `/${segments.join('/')}` === pathname && segments.every((segment) => SEGMENT.test(segment))
  return canonical ? undefined : 'must have a path of letters, digits and . _ ~ - between single slashes'
}

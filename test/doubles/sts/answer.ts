/** Writes the XML answers of the STS query protocol, version 2011-06-15. Pure. */
import type { Fault } from './fault.ts'
import type { Session } from './sessions.ts'

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/'

/** A status and an XML document. */
export interface Answer {
  status: number
  body: string
}

/** Nested elements; the order of the keys is the order of the elements. */
interface Element {
  [name: string]: string | Element
}

export function assumeRoleAnswer(session: Session, requestId: string): Answer {
  const result = {
    SubjectFromWebIdentityToken: session.identity.subject,
    Audience: session.identity.audience,
    AssumedRoleUser: { AssumedRoleId: session.userId, Arn: session.arn },
    Credentials: {
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      SessionToken: session.sessionToken,
      Expiration: new Date(session.expiresAt * 1000).toISOString(),
    },
    Provider: session.identity.issuer,
  }
  return response('AssumeRoleWithWebIdentity', result, requestId)
}

export function callerIdentityAnswer({ arn, userId, account }: Session, requestId: string): Answer {
  return response('GetCallerIdentity', { Arn: arn, UserId: userId, Account: account }, requestId)
}

export function faultAnswer({ fault, status, message }: Fault, requestId: string): Answer {
  const error = { Type: status < 500 ? 'Sender' : 'Receiver', Code: fault, Message: message }
  return { status, body: document('ErrorResponse', { Error: error, RequestId: requestId }) }
}

function response(action: string, result: Element, requestId: string): Answer {
  const content = { [`${action}Result`]: result, ResponseMetadata: { RequestId: requestId } }
  return { status: 200, body: document(`${action}Response`, content) }
}

function document(root: string, content: Element): string {
  return `<${root} xmlns="${NAMESPACE}">${elements(content)}</${root}>\n`
}

function elements(content: Element): string {
  return Object.entries(content)
    .map(([name, value]) => `<${name}>${typeof value === 'string' ? escapeText(value) : elements(value)}</${name}>`)
    .join('')
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** The errors that AWS STS documents, as values: code, HTTP status, sentence. Pure. */

const STATUS = {
  // AssumeRoleWithWebIdentity's own, API reference "AssumeRoleWithWebIdentity".
  InvalidIdentityToken: 400,
  ExpiredTokenException: 400,
  IDPCommunicationError: 400,
  IDPRejectedClaim: 403,
  // Every action's, API reference "Common Errors".
  AccessDenied: 403,
  ExpiredToken: 403,
  IncompleteSignature: 400,
  InternalFailure: 500,
  InvalidAction: 400,
  InvalidClientTokenId: 403,
  MissingAuthenticationToken: 403,
  SignatureDoesNotMatch: 403,
  ValidationError: 400,
} as const

export type FaultCode = keyof typeof STATUS

/** An answer other than 200. `message` never holds a token, a secret or a signature. */
export interface Fault {
  fault: FaultCode
  status: number
  message: string
}

export function fault(code: FaultCode, message: string): Fault {
  return { fault: code, status: STATUS[code], message }
}

export function isFault(value: object): value is Fault {
  return 'fault' in value
}

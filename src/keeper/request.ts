/** Writes the request for one token, RFC 8693 section 2.1. Pure. */
import { JWT_TOKEN_TYPE, TOKEN_EXCHANGE_GRANT } from '../contract.ts'

/** One token that is wanted. */
export interface Ask {
  audience: string
  ttlSeconds: number
}

export interface ExchangeRequest {
  url: URL
  headers: Record<string, string>
  body: string
}

/**
 * @param signerUrl https, with or without a path
 * @param identityToken goes into the body and nowhere else
 */
export function exchangeRequest(signerUrl: string, ask: Ask, identityToken: string): ExchangeRequest {
  const body = new URLSearchParams({
    grant_type: TOKEN_EXCHANGE_GRANT,
    subject_token: identityToken,
    subject_token_type: JWT_TOKEN_TYPE,
    audience: ask.audience,
    requested_token_type: JWT_TOKEN_TYPE,
    ttl_seconds: String(ask.ttlSeconds),
  }).toString()
  return {
    url: new URL('token', signerUrl.endsWith('/') ? signerUrl : `${signerUrl}/`),
    headers: {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      // Form encoding leaves ASCII only, so characters are bytes.
      'content-length': String(body.length),
    },
    body,
  }
}

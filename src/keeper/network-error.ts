/** Puts what the network said into a sentence that tells a person where to look. Pure. */
import { type Failure, failure } from './outcome.ts'

const SENTENCES: Record<string, string> = {
  ENOTFOUND: 'its name does not exist: check the URL and that the Service is there',
  EAI_AGAIN: 'its name cannot be resolved now: check DNS',
  ECONNREFUSED: 'connection refused: nothing listens there, check that the signer runs and its Service has endpoints',
  ECONNRESET: 'the connection was cut before the whole answer was there',
  EPIPE: 'the connection was cut before the whole answer was there',
  ETIMEDOUT: 'no connection: check network policies and firewalls',
  EHOSTUNREACH: 'no route to it: check network policies and the address',
  ENETUNREACH: 'no route to it: check network policies and the address',
  EPROTO: 'it does not speak TLS there: check scheme and port',
}

const CLOCK = 'or the clock of this node is wrong'
const CERTIFICATES: Record<string, string> = {
  CERT_HAS_EXPIRED: `its certificate has expired, ${CLOCK}`,
  CERT_NOT_YET_VALID: `its certificate is not valid yet, ${CLOCK}`,
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name: check the URL',
}

/**
 * @param code of Node's error, such as `ECONNREFUSED` or `SELF_SIGNED_CERT_IN_CHAIN`
 * @returns a failure whose message carries URL and code
 */
export function networkFailure(signerUrl: string, code: string | undefined): Failure {
  const shown = code ?? 'no code'
  if (code !== undefined && isCertificate(code)) {
    const sentence = CERTIFICATES[code] ?? 'its certificate is not signed by an authority in signer.caBundle'
    return failure('signer-untrusted', `signer ${signerUrl}: ${sentence} (${shown})`)
  }
  const sentence = (code !== undefined && (SENTENCES[code] ?? protocolSentence(code))) || 'the connection failed'
  return failure('signer-unreachable', `signer ${signerUrl}: ${sentence} (${shown})`)
}

export function timeoutFailure(signerUrl: string, timeoutMs: number): Failure {
  const sentence = `no answer within ${timeoutMs / 1000} s: check network policies and that the signer is not overloaded`
  return failure('signer-unreachable', `signer ${signerUrl}: ${sentence} (timeout)`)
}

function protocolSentence(code: string): string | undefined {
  if (code.startsWith('ERR_SSL_')) return SENTENCES.EPROTO
  return code.startsWith('HPE_') ? 'it does not speak HTTP there: check the port' : undefined
}

/** OpenSSL's X509_V_ERR_… as Node names them. */
function isCertificate(code: string): boolean {
  return code in CERTIFICATES || /CERT|_CA$|^UNABLE_TO_|^INVALID_(?:CA|PURPOSE)|^PATH_LENGTH/.test(code)
}

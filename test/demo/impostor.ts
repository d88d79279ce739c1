/** Answers in the issuer's name with keys that signed nothing: what the demo publishes when its key is to be broken. */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { exportJWK, generateKeyPair } from 'jose'

/** @returns the loopback port and how to end it */
export async function startImpostor(issuer: string, tlsDirectory: string): Promise<{ port: number; stop(): void }> {
  const [cert, key] = await Promise.all(['tls.crt', 'tls.key'].map((name) => readFile(join(tlsDirectory, name))))
  const { publicKey } = await generateKeyPair('RS256')
  const documents: Record<string, object> = {
    '/.well-known/openid-configuration': {
      issuer,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      claims_supported: ['aud', 'iat', 'iss', 'sub'],
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    },
    '/.well-known/jwks.json': { keys: [{ ...(await exportJWK(publicKey)), kid: 'foreign', use: 'sig', alg: 'RS256' }] },
  }
  const server = createServer({ cert, key }, (request, response) => {
    const document = documents[request.url ?? '']
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(document === undefined ? '' : JSON.stringify(document))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, stop: () => void server.close() }
}

// Reads what receivers read, over TLS that is verified like theirs, and says what it saw.
import { existsSync, readFileSync } from 'node:fs'
import { get } from 'node:https'

const { BASE, HOST, ISSUER, ROOTS } = process.env
// Without roots of its own the certificate is one that everybody trusts.
const ca = existsSync(ROOTS) ? readFileSync(ROOTS) : undefined

const read = (url) =>
  new Promise((resolve, reject) => {
    const request = get(url, { ca, servername: HOST, timeout: 10_000 }, async (response) => {
      const text = (await response.setEncoding('utf8').toArray()).join('')
      if (response.statusCode === 200) resolve(JSON.parse(text))
      else reject(new Error(`${url} answers ${response.statusCode}`))
    })
    request.on('timeout', () => request.destroy(new Error(`${url} does not answer`)))
    request.on('error', reject)
  })

const path = new URL(ISSUER).pathname.replace(/\/$/, '')
const discovery = await patiently(() => read(`${BASE}${path}/.well-known/openid-configuration`))
if (discovery.issuer !== ISSUER) throw new Error(`discovery says issuer ${discovery.issuer}, not ${ISSUER}`)
const { keys } = await read(`${BASE}${path}/.well-known/jwks.json`)
if (keys.length === 0) throw new Error('the JWK Set is empty')
if (keys.some((key) => 'd' in key)) throw new Error('the JWK Set holds a private key')
process.stdout.write(`issuer ${ISSUER}: ${keys.length} public keys\n`)

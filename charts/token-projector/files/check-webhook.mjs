// Asks for a review of a pod without annotations, over TLS that is verified as the API server does, and says what it saw.
import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:https'

const { BASE, HOST, ROOTS } = process.env
// Without roots of its own the certificate is one that everybody trusts.
const ca = existsSync(ROOTS) ? readFileSync(ROOTS) : undefined

const review = {
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'check',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { group: '', version: 'v1', resource: 'pods' },
    operation: 'CREATE',
    namespace: 'default',
    object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'check' }, spec: { containers: [{ name: 'check' }] } },
  },
}

const ask = () =>
  new Promise((resolve, reject) => {
    const options = {
      ca,
      servername: HOST,
      method: 'POST',
      timeout: 10_000,
      headers: { 'content-type': 'application/json' },
    }
    const call = request(`${BASE}/mutate`, options, async (response) => {
      const text = (await response.setEncoding('utf8').toArray()).join('')
      if (response.statusCode === 200) resolve(JSON.parse(text))
      else reject(new Error(`the webhook answers ${response.statusCode}: ${text}`))
    })
    call.on('timeout', () => call.destroy(new Error('the webhook does not answer')))
    call.on('error', reject)
    call.end(JSON.stringify(review))
  })
const answer = await patiently(ask)
if (answer.response.allowed !== true || answer.response.patch !== undefined) {
  throw new Error(`a pod without annotations is not left alone: ${JSON.stringify(answer.response)}`)
}
process.stdout.write('the webhook answers reviews and leaves a pod without annotations alone\n')

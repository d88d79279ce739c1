/** Calls the STS double over HTTPS the way a test wants to, right or wrong, and reads its XML. */
import { request } from 'node:https'

export interface Reply {
  status: number | undefined
  body: string
  /** The text of the first element of that name. */
  text(element: string): string | undefined
}

export interface Call {
  url: string
  /** PEM of the authority to trust. */
  ca: string
  body: string
  method?: string
  path?: string
  headers?: Record<string, string>
}

export const FORM = 'application/x-www-form-urlencoded'

export function call({
  url,
  ca,
  body,
  method = 'POST',
  path = '/',
  headers = { 'content-type': FORM },
}: Call): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sending = request(new URL(path, url), { method, ca, headers, agent: false }, async (response) => {
      const text = (await response.setEncoding('utf8').toArray()).join('')
      resolve({ status: response.statusCode, body: text, text: (element) => textOf(text, element) })
    })
    sending.once('error', reject)
    sending.end(body)
  })
}

function textOf(xml: string, element: string): string | undefined {
  const text = new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml)?.[1]
  return text?.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
}

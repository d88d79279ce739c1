/**
 * Reads one token file at full speed and judges every single read, until its standard input ends.
 * Arguments: path, public key (SPKI as base64url). Prints its tally as JSON.
 */
import { createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'

const [path = '', keyText = ''] = process.argv.slice(2)
const key = createPublicKey({ key: Buffer.from(keyText, 'base64url'), format: 'der', type: 'spki' })

export interface Tally {
  reads: number
  torn: number
  empty: number
  missing: number
  expired: number
  /** Every `jti` whose token was read and verified. */
  known: string[]
}

const tally: Tally = { reads: 0, torn: 0, empty: 0, missing: 0, expired: 0, known: [] }
/** Text that was verified, with its `exp`: a text that is equal to the last byte needs no second look. */
const verified = new Map<string, number>()

function read(): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}

function judge(text: string | undefined): void {
  tally.reads += 1
  if (text === undefined) tally.missing += 1
  else if (text === '') tally.empty += 1
  else judgeToken(text)
}

function judgeToken(text: string): void {
  const expiresAt = verified.get(text) ?? verifyToken(text)
  if (expiresAt === undefined) tally.torn += 1
  else if (expiresAt * 1000 <= Date.now()) tally.expired += 1
}

function verifyToken(text: string): number | undefined {
  const [header = '', payload = '', signature = '', ...rest] = text.split('.')
  const input = Buffer.from(`${header}.${payload}`)
  const bytes = Buffer.from(signature, 'base64url')
  // Base64url decoding is lax; the same text must come back.
  const isExact = rest.length === 0 && bytes.toString('base64url') === signature
  if (!isExact || !verify(null, input, key, bytes)) return undefined
  const { jti, exp } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { jti: string; exp: number }
  tally.known.push(jti)
  verified.set(text, exp)
  return exp
}

let isOver = false
process.stdin.on('end', () => {
  isOver = true
})
process.stdin.resume()
process.stdout.write('ready\n')
while (!isOver) {
  for (let turn = 0; turn < 500; turn += 1) judge(read())
  await new Promise((resolve) => setImmediate(resolve))
}
process.stdout.write(JSON.stringify(tally))

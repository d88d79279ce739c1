/**
 * Writes tokens as fast as the keeper renews them, or, as the counter-example, into the file itself.
 * Arguments: mode `keeper` or `in-place`, directory, number of tokens, private key (PKCS #8 as base64url).
 * Prints the `jti` of every token that it wrote, as one JSON list.
 */
import { createPrivateKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startKeeper } from '../../../src/keeper/loop.ts'
import { judgeAnswer } from '../../../src/keeper/response.ts'
import { findFile, replaceFile } from '../../../src/keeper/token-file.ts'
import { answerBody } from '../fake-signer.ts'
import { makeToken } from '../tokens.ts'

const [mode, directory = '', count = '0', keyText = ''] = process.argv.slice(2)
const key = createPrivateKey({ key: Buffer.from(keyText, 'base64url'), format: 'der', type: 'pkcs8' })
const LIFE_SECONDS = 20
/** Longer than a page of memory, and never twice the same length, so that a mixture of two tokens cannot look whole. */
const PADDING = 4000

const written: string[] = []

function nextToken(): string {
  const jti = `jti-${written.length}`
  written.push(jti)
  const extra = { pad: 'x'.repeat(PADDING + (written.length % 100)) }
  const issuedAt = Math.floor(Date.now() / 1000)
  return makeToken({ audience: 'vault', issuedAt, lifeSeconds: LIFE_SECONDS, jti, extra, key })
}

/** The real loop, judge and file; only the network is left out. */
async function keep(): Promise<void> {
  const stop = new AbortController()
  const folder = { directory, mode: 0o644, random: Math.random }
  const keeper = startKeeper(
    [{ name: 'default', audience: 'vault', ttlSeconds: LIFE_SECONDS }],
    {
      now: Date.now,
      monotonic: () => performance.now(),
      random: Math.random,
      setTimer(delayMs, fire) {
        const timer = setTimeout(fire, delayMs)
        return () => clearTimeout(timer)
      },
      prepare: () => undefined,
      readIdentityToken: () => 'a.b.c',
      exchange: async () => judgeAnswer('https://signer', 'vault', { status: 200, headers: {}, body: nextAnswer() }),
      findFile: (name) => findFile(directory, name),
      replaceFile: (name, text) => replaceFile(folder, name, text),
      report({ kind }) {
        if (kind === 'found') return
        if (kind !== 'issued') throw new Error(`the keeper reports ${kind}`)
        if (written.length >= Number(count)) stop.abort()
        else setTimeout(() => keeper.renewNow(), 2)
      },
    },
    stop.signal,
  )
  await keeper.done
}

function nextAnswer(): string {
  return JSON.stringify(answerBody(nextToken(), LIFE_SECONDS))
}

async function overwrite(): Promise<void> {
  while (written.length < Number(count)) {
    writeFileSync(join(directory, 'default'), nextToken())
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

await (mode === 'keeper' ? keep() : overwrite())
process.stdout.write(JSON.stringify(written))

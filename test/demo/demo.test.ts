/** The demo signs in, shows claims and never the token, and fails when one of its parts is broken. */
import { execFile } from 'node:child_process'
import { expect, test } from 'vitest'

const main = new URL('main.ts', import.meta.url).pathname

function demo(...args: string[]): Promise<{ exitCode: number; lines: string[]; text: string }> {
  const { promise, resolve } = Promise.withResolvers<{ exitCode: number; lines: string[]; text: string }>()
  execFile(process.execPath, [main, ...args], { timeout: 60_000 }, (error, stdout, stderr) => {
    const text = stdout + stderr
    resolve({ exitCode: Number(error?.code ?? 0), lines: stdout.trimEnd().split('\n'), text })
  })
  return promise
}

test('an unmodified program signs in with two tokens, and the last line says as whom', async () => {
  const { exitCode, lines, text } = await demo()
  expect(lines.at(-1)).toMatch(/^signed in as arn:aws:sts::111122223333:assumed-role\/checkout\/checkout-/)
  expect(exitCode).toBe(0)
  const shown = [...text.matchAll(/^ +jti +([0-9a-f-]{36})$/gm)].map((match) => match[1])
  expect(new Set(shown).size).toBe(2)
  expect(text).toMatch(/^ +sub +acme:payments:checkout$/m)
  expect(text).not.toContain('eyJ')
  expect(text).not.toContain('\u001b')
}, 60_000)

test.each([
  ['policy', /no AudiencePolicy allows service account payments\/checkout the audience sts\.amazonaws\.com/],
  ['key', /InvalidIdentityToken/],
  ['audience', /InvalidIdentityToken: Incorrect token audience/],
])(
  'a broken %s makes it fail and say why',
  async (part, reason) => {
    const { exitCode, lines } = await demo('--break', part)
    expect(exitCode).toBe(1)
    expect(lines.at(-1)).toMatch(/^failed: /)
    expect(lines.at(-1)).toMatch(reason)
  },
  60_000,
)

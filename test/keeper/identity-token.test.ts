/** How the identity token is read. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readIdentityToken } from '../../src/keeper/identity-token.ts'
import { makeToken } from './tokens.ts'

const directory = mkdtempSync(join(tmpdir(), 'identity-'))
afterAll(() => rmSync(directory, { recursive: true }))
const path = join(directory, 'token')

test('it follows the links that the kubelet makes, and drops a newline', () => {
  const token = makeToken()
  writeFileSync(join(directory, 'data'), `${token}\n`)
  symlinkSync('data', path)
  expect(readIdentityToken(path)).toBe(token)
})

test('a file that is not there is named with the code', () => {
  expect(() => readIdentityToken(join(directory, 'none'))).toThrow(/identity token .+none cannot be read \(ENOENT\)/)
})

test('a file that holds something else is named without its content', () => {
  const other = join(directory, 'other')
  writeFileSync(other, 'a secret of another kind')
  expect(() => readIdentityToken(other)).toThrow(
    expect.objectContaining({ reason: 'identity-token-unreadable', message: `identity token ${other} is not a JWT` }),
  )
})

/** An audit line that is lost is known before its token is handed out. */
import { execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createAuditOutput } from '../../src/signer/audit-output.ts'

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'token-projector-audit-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

test('lines are written whole and in order', () => {
  const path = join(folder(), 'audit')
  const descriptor = openSync(path, 'w')
  const write = createAuditOutput(descriptor)
  write('{"jti":"a"}\n')
  write('{"jti":"ä"}\n')
  closeSync(descriptor)
  expect(readFileSync(path, 'utf8')).toBe('{"jti":"a"}\n{"jti":"ä"}\n')
})

test('a pipe that nobody reads any more throws', async () => {
  const path = join(folder(), 'pipe')
  execFileSync('mkfifo', [path])
  const reader = spawn('head', ['-c', '1', path], { stdio: 'ignore' })
  const descriptor = openSync(path, constants.O_WRONLY)
  onTestFinished(() => closeSync(descriptor))
  const write = createAuditOutput(descriptor)
  write('x')
  await new Promise((resolve) => reader.once('close', resolve))
  expect(() => write('{"jti":"a"}\n')).toThrow(/EPIPE/)
})

test('a pipe whose reader is stuck throws after a while, and nothing waits for ever', () => {
  const path = join(folder(), 'pipe')
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  onTestFinished(() => {
    closeSync(descriptor)
    closeSync(reader)
  })
  const write = createAuditOutput(descriptor)
  expect(() => write('x'.repeat(1 << 20))).toThrow(/reader is stuck/)
})

test('a full disk throws', () => {
  const descriptor = openSync('/dev/full', 'w')
  onTestFinished(() => closeSync(descriptor))
  expect(() => createAuditOutput(descriptor)('{"jti":"a"}\n')).toThrow(/ENOSPC/)
})

/** A policy file that changes under a running process. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createLog } from '../../src/log.ts'
import { watchPolicyFile } from '../../src/policy/file.ts'

function document(name: string, effect = 'Allow'): string {
  return `apiVersion: token-projector.dev/v1alpha1
kind: AudiencePolicy
metadata: {name: ${name}}
spec: {effect: ${effect}, from: {namespaces: ["*"], serviceAccounts: ["*"]}, to: {audiences: ["*"]}}
`
}

async function policyFile(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'token-projector-policy-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'policy.yaml')
  await writeFile(path, text)
  return path
}

const silent = createLog('error', 'test', () => {})

test('a first reading with mistakes ends the start with all of them', async () => {
  const path = await policyFile(`${document('a', 'Permit')}---\n${document('b', 'Forbid')}`)
  await expect(watchPolicyFile(path, silent)).rejects.toMatchObject({
    reason: 'configuration-invalid',
    message: expect.stringMatching(/policy\.yaml:4: spec\.effect .*; policy\.yaml:9: spec\.effect /),
  })
})

test('a file that is not there ends the start and is named', async () => {
  const path = await policyFile('')
  await expect(watchPolicyFile(`${path}.gone`, silent)).rejects.toThrow(/policy\.yaml\.gone cannot be read/)
})

test('a broken rule keeps its last valid form, a mended one takes effect, a replaced file is noticed', async () => {
  const path = await policyFile(document('a'))
  const source = await watchPolicyFile(path, silent)
  onTestFinished(() => source.close())

  await writeFile(path, `${document('a', 'Permit')}---\n${document('b')}`)
  await vi.waitFor(() => expect(source.problems()).toHaveLength(1), 5000)
  expect(source.current().map(({ name, effect }) => [name, effect])).toEqual([
    ['b', 'Allow'],
    ['a', 'Allow'],
  ])

  await writeFile(`${path}.new`, document('a', 'Deny'))
  await rename(`${path}.new`, path)
  await vi.waitFor(() => expect(source.problems()).toEqual([]), 5000)
  expect(source.current().map(({ name, effect }) => [name, effect])).toEqual([['a', 'Deny']])
})

/** Starts the real launcher, as a person would, and gives back all that it says. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { execa, type Options } from 'execa'
import { onTestFinished } from 'vitest'

export const LAUNCHER = resolve(import.meta.dirname, '../../bin/token-projector')
const LIMIT_MS = 25_000

/** @param options of execa; `input` is standard input */
export function launch(args: readonly string[], options: Options = {}) {
  return execa(LAUNCHER, args, {
    reject: false,
    timeout: LIMIT_MS,
    stripFinalNewline: false,
    input: '',
    ...options,
  })
}

/** A folder that is gone when the test is over, with these files in it. */
export function folderWith(files: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'cli-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

/** One rule: this service account may have this audience. */
export function policyFor(namespace: string, serviceAccount: string, audience: string): string {
  return `apiVersion: token-projector.dev/v1alpha1
kind: AudiencePolicy
metadata: {name: test}
spec:
  effect: Allow
  from: {namespaces: [${namespace}], serviceAccounts: [${serviceAccount}]}
  to: {audiences: [${audience}]}
`
}

export const AUDIENCE = 'https://api.example'
const SHOW_ENVIRONMENT = `process.stdout.write(JSON.stringify({
  env: process.env, token: require('node:fs').readFileSync(process.env.TOKEN_FILE, 'utf8') }))`

interface PodParts {
  annotations?: Record<string, string>
  spec?: object
  container?: object
}

/** A pod of `shop/cart` that asks for {@link AUDIENCE} and shows its environment and its token. */
export function podYaml({ annotations = {}, spec = {}, container = {} }: PodParts = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'app',
      namespace: 'shop',
      annotations: {
        'token-projector.dev/audience': AUDIENCE,
        'token-projector.dev/env.default': 'TOKEN_FILE',
        ...annotations,
      },
    },
    spec: {
      serviceAccountName: 'cart',
      containers: [{ name: 'main', image: 'app', command: ['node', '-e', SHOW_ENVIRONMENT], ...container }],
      ...spec,
    },
  })
}

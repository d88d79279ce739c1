/** Annotations become settings, or everything that is wrong with them. */
import { expect, test } from 'vitest'
import type { Refusal } from '../../src/errors.ts'
import { readPod } from '../../src/webhook/facts.ts'
import type { JsonObject } from '../../src/webhook/json.ts'
import { readSettings, type Settings } from '../../src/webhook/settings.ts'
import { CONTEXT, NAMESPACE, podWith } from './context.ts'

function read(pod: JsonObject): Settings | Refusal[] | undefined {
  return readSettings(readPod(pod, NAMESPACE), CONTEXT.prefix)
}

function settings(annotations: Record<string, string>): Settings {
  const result = read(podWith(annotations))
  if (result === undefined || Array.isArray(result)) throw new Error(JSON.stringify(result))
  return result
}

function refusals(annotations: Record<string, string>): [string, string][] {
  const result = read(podWith(annotations))
  return Array.isArray(result) ? result.map(({ refused, message }) => [refused, message]) : []
}

test('a pod without our annotations has no settings', () => {
  expect(read({ metadata: { annotations: { 'example.org/audience': 'x' } }, spec: {} })).toBeUndefined()
  expect(read({ metadata: { annotations: null }, spec: {} })).toBeUndefined()
  expect(read({ spec: {} })).toBeUndefined()
})

test('one audience has every default', () => {
  expect(settings({ audience: 'vault.example' })).toEqual({
    tokens: [{ name: 'default', audience: 'vault.example', ttlSeconds: 3600 }],
    groups: [],
    files: [],
    containers: undefined,
    skipContainers: [],
    start: 'hook',
    startDeadlineSeconds: 30,
    onConflict: 'refuse',
    fileMode: '0644',
    cpu: undefined,
    memory: undefined,
  })
})

test('the default token may also be called by its name', () => {
  expect(settings({ 'audience.default': 'vault.example' }).tokens).toMatchObject([{ name: 'default' }])
})

test('a life for one token wins over the life for all', () => {
  const { tokens } = settings({
    audience: 'a.example',
    'audience.b': 'b.example',
    'ttl-seconds': '900',
    'ttl-seconds.b': '1200',
  })
  expect(tokens).toEqual([
    { name: 'default', audience: 'a.example', ttlSeconds: 900, ttlAnnotation: 'token-projector.dev/ttl-seconds' },
    { name: 'b', audience: 'b.example', ttlSeconds: 1200, ttlAnnotation: 'token-projector.dev/ttl-seconds.b' },
  ])
})

const AZURE = {
  'azure-client-id': '11111111-2222-3333-4444-555555555555',
  'azure-tenant-id': 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
}

test.each([
  ['the default', {}, 3600],
  ['one of its own', { 'ttl-seconds.azure': '1800' }, 1800],
  ['its own beside a short one for the others', { 'ttl-seconds': '600', 'ttl-seconds.azure': '1800' }, 1800],
])('an Azure token takes a life that is long enough: %s', (_name, annotations, ttlSeconds) => {
  expect(settings({ ...AZURE, ...annotations }).tokens).toMatchObject([{ name: 'azure', ttlSeconds }])
})

test.each([
  ['for all', { 'ttl-seconds': '1799' }, 'token-projector.dev/ttl-seconds.azure'],
  ['its own', { 'ttl-seconds.azure': '1799' }, 'at least 1800'],
])('an Azure token under half an hour is refused: %s', (_name, annotations, hint) => {
  expect(refusals({ ...AZURE, ...annotations })).toMatchObject([
    ['bad-annotation-value', expect.stringContaining(hint)],
  ])
})

test('sixteen tokens are not too many', () => {
  const audiences = Array.from({ length: 15 }, (_, index) => [`audience.t${index}`, `https://t${index}.example`])
  expect(settings({ ...Object.fromEntries(audiences), 'vault-role': 'checkout' }).tokens).toHaveLength(16)
})

test('a provider counts as one of the sixteen', () => {
  const audiences = Array.from({ length: 16 }, (_, index) => [`audience.t${index}`, `https://t${index}.example`])
  expect(refusals({ ...Object.fromEntries(audiences), 'vault-role': 'checkout' })).toMatchObject([
    ['too-many-tokens', expect.stringContaining('17')],
  ])
})

test.each([
  ['51 characters', 'a'.repeat(51), []],
  ['inner hyphens', 'a-b--c', []],
  ['52 characters', 'a'.repeat(52), ['unknown-annotation']],
  ['a hyphen at its end', 'a-', ['unknown-annotation']],
  ['a dot', 'a.b', ['unknown-annotation']],
  ['nothing', '', ['unknown-annotation']],
])('the name of a token may be %s, or is refused', (_name, name, expected) => {
  expect(refusals({ [`audience.${name}`]: 'https://a.example' }).map(([reason]) => reason)).toEqual(expected)
})

test.each([
  ['a space', 'a b'],
  ['nothing', ''],
  ['an umlaut', 'ä'],
  ['a newline', 'a\nb'],
  ['256 characters', 'a'.repeat(256)],
])('an audience with %s is refused', (_name, audience) => {
  expect(refusals({ audience })).toMatchObject([['bad-annotation-value', expect.stringContaining('visible ASCII')]])
})

test('an audience of 255 characters is taken', () => {
  expect(settings({ audience: 'a'.repeat(255) }).tokens).toHaveLength(1)
})

test.each(['default', 'b'])('the path of the token %s goes into the variable that one names', (name) => {
  const { groups } = settings({ audience: 'a.example', 'audience.b': 'b.example', [`env.${name}`]: '_Token_1' })
  expect(groups).toEqual([
    {
      askedBy: `token-projector.dev/env.${name}`,
      variables: [{ name: '_Token_1', value: `/var/run/secrets/token-projector.dev/tokens/${name}` }],
    },
  ])
})

test.each(['', '1A', 'A-B', 'A B', 'A=B', 'Ä'])('the variable name "%s" is refused', (name) => {
  expect(refusals({ audience: 'a.example', 'env.default': name })).toMatchObject([
    ['bad-annotation-value', expect.stringContaining('token-projector.dev/env.default')],
  ])
})

test('a bad token still counts as named, so that one mistake is reported once', () => {
  expect(refusals({ 'aws-role-arn': 'x', 'ttl-seconds.aws': '900', 'env.aws': 'TOKEN' })).toMatchObject([
    ['bad-annotation-value', expect.stringContaining('token-projector.dev/aws-role-arn')],
  ])
})

test('a typing error is reported alone, not also as opting in to nothing', () => {
  expect(refusals({ 'aws-role-arm': 'x' }).map(([reason]) => reason)).toEqual(['unknown-annotation'])
})

test('every mistake is reported at once', () => {
  const seen = refusals({
    audience: 'two words',
    'audience.Bad': 'x',
    'env.nobody': 'X',
    'file-mode': '0777',
    invented: 'x',
    mode: 'classic',
    start: 'never',
    'ttl-seconds': '1',
  })
  expect(seen.map(([reason]) => reason).sort()).toEqual([
    'bad-annotation-value',
    'bad-annotation-value',
    'bad-annotation-value',
    'bad-annotation-value',
    'mode-not-supported',
    'unknown-annotation',
    'unknown-annotation',
    'unknown-token',
  ])
})

test.each([
  ['mode', 'natve', 'native'],
  ['delivery', 'sidcar', 'sidecar'],
  ['on-conflict', 'kepp', 'keep'],
  ['start', 'initial', 'init'],
])('%s: %s is refused with the nearest choice', (suffix, value, nearest) => {
  expect(refusals({ audience: 'a.example', [suffix]: value })).toMatchObject([
    ['bad-annotation-value', expect.stringContaining(`the nearest is ${nearest}`)],
  ])
})

test('a start that does not wait has no deadline', () => {
  expect(settings({ audience: 'a.example', start: 'now' }).startDeadlineSeconds).toBe(0)
})

test.each(['0', '301', 'soon'])('a start deadline of %s is refused', (value) => {
  expect(refusals({ audience: 'a.example', 'start-deadline-seconds': value })).toMatchObject([
    ['bad-annotation-value', expect.stringContaining('from 1 to 300')],
  ])
})

test("another prefix makes the usual one somebody else's", () => {
  const pod = { metadata: { annotations: { 'token-projector.dev/audience': 'x', 'corp.example/audience': 'y' } } }
  expect(readSettings(readPod(pod, NAMESPACE), 'corp.example/')).toMatchObject({ tokens: [{ audience: 'y' }] })
})

/** What signer.yaml may say. */
import { expect, test } from 'vitest'
import { parseSettings, reservedAudiences } from '../../src/signer/config-file.ts'

const GOOD = `
issuers:
  - url: https://issuer.example/acme
    organization: acme
clusters:
  - name: prod-eu
    organization: acme
    mode: jwks
    issuer: https://kubernetes.default.svc.cluster.local
    jwks: cluster.json
`

function problemsOf(text: string): string[] {
  const settings = parseSettings(text, 'signer.yaml')
  return 'problems' in settings ? settings.problems : []
}

/** GOOD with one piece of text replaced. */
function changed(from: string, to: string): string {
  expect(GOOD).toContain(from)
  return GOOD.replace(from, to)
}

test('the smallest file gets its defaults', () => {
  expect(parseSettings(GOOD, 'signer.yaml')).toEqual({
    issuer: { url: 'https://issuer.example/acme', organization: 'acme', alg: 'RS256', maxTokenBytes: 4096 },
    clusters: [
      {
        name: 'prod-eu',
        organization: 'acme',
        mode: 'jwks',
        issuer: 'https://kubernetes.default.svc.cluster.local',
        jwks: 'cluster.json',
        apiAudiences: [],
      },
    ],
    identityAudience: 'https://issuer.example/acme/token',
  })
})

test('a full file is read whole', () => {
  const text = `
issuers: [{url: https://issuer.example, organization: acme, alg: ES256, maxTokenBytes: 2048}]
clusters:
  - {name: c, organization: acme, mode: jwks, issuer: https://c.example, jwks: 'https://c.example/jwks', caFile: ca.pem, apiAudiences: [c-api]}
identityAudience: token-projector
`
  const settings = parseSettings(text, 'signer.yaml')
  expect(settings).toMatchObject({
    issuer: { alg: 'ES256', maxTokenBytes: 2048 },
    clusters: [{ caFile: 'ca.pem', apiAudiences: ['c-api'] }],
    identityAudience: 'token-projector',
  })
})

test('nobody is given what an API server or the signer accepts', () => {
  const settings = parseSettings(changed('cluster.json', 'cluster.json\n    apiAudiences: [my-api]'), 'signer.yaml')
  if ('problems' in settings) throw new Error(settings.problems.join())
  const reserved = reservedAudiences(settings)
  for (const audience of [
    'my-api',
    'https://kubernetes.default.svc.cluster.local',
    'https://kubernetes.default.svc',
    'https://issuer.example/acme/token',
  ]) {
    expect(reserved).toContain(audience)
  }
  expect(reserved).not.toContain('sts.amazonaws.com')
})

test.each([
  ['an issuer over http', 'url: https:', 'url: http:', 'issuers[0].url must begin with https://'],
  ['an issuer with a slash', 'example/acme\n', 'example/acme/\n', 'issuers[0].url must not end with a slash'],
  ['a long organization', 'organization: acme\nclusters', `organization: ${'a'.repeat(33)}\nclusters`, 'at most 32'],
  [
    'a reserved organization',
    'organization: acme\nclusters',
    'organization: system\nclusters',
    'reserved names system',
  ],
  ['a colon in an organization', 'organization: acme\nclusters', 'organization: a:b\nclusters', 'lower-case letters'],
  ['an unknown algorithm', 'acme\nclusters', 'acme\n    alg: PS256\nclusters', 'issuers[0].alg must be RS256 or ES256'],
  ['a size as text', 'acme\nclusters', 'acme\n    maxTokenBytes: 4k\nclusters', 'issuers[0].maxTokenBytes must be'],
  ['an unknown key', 'acme\nclusters', 'acme\n    algo: RS256\nclusters', 'issuers[0].algo is not known'],
  ['an unknown key at the top', 'issuers:', 'issuer: x\nissuers:', 'signer.yaml: issuer is not known'],
  ['another mode', 'mode: jwks', 'mode: both', 'clusters[0].mode must be tokenReview or jwks'],
  ['no mode', '    mode: jwks\n', '', 'clusters[0].mode must be tokenReview or jwks'],
  ['no keys', '    jwks: cluster.json\n', '', 'clusters[0].jwks is required: in mode jwks'],
  ['no issuer', '    issuer: https://kubernetes.default.svc.cluster.local\n', '', 'clusters[0].issuer is required'],
  ['no organization', 'prod-eu\n    organization: acme', 'prod-eu', 'clusters[0].organization is required'],
  [
    'the legacy issuer',
    'https://kubernetes.default.svc.cluster.local',
    'kubernetes/serviceaccount',
    'clusters[0].issuer must not be the issuer of legacy tokens',
  ],
  [
    'an organization without issuer',
    'prod-eu\n    organization: acme',
    'prod-eu\n    organization: other',
    'clusters[0].organization other has no entry in issuers',
  ],
  ['keys over http', 'jwks: cluster.json', 'jwks: http://c.example', 'clusters[0].jwks must be an https:// URL'],
  ['keys of a user', 'jwks: cluster.json', 'jwks: https://me@c.example', 'clusters[0].jwks must be an https:// URL'],
  ['a CA for a file', 'cluster.json', 'cluster.json\n    caFile: ca.pem', 'clusters[0].caFile must be left out'],
  [
    'an audience with a space',
    'cluster.json',
    'cluster.json\n    apiAudiences: [a b]',
    'clusters[0].apiAudiences[0] must',
  ],
  [
    'the identity audience of an API server',
    'clusters:',
    'identityAudience: https://kubernetes.default.svc\nclusters:',
    'identityAudience https://kubernetes.default.svc must not be an audience of an API server',
  ],
  [
    "the identity audience of this cluster's API server",
    'clusters:',
    'identityAudience: https://kubernetes.default.svc.cluster.local\nclusters:',
    'must not be an audience of an API server',
  ],
  ['no issuers', GOOD.slice(0, GOOD.indexOf('clusters')), '\nissuers: []\n', 'issuers must hold one issuer'],
  ['nothing', GOOD, '', 'the file must be an object'],
  ['a list', GOOD, '[]', 'the file must be an object'],
])('%s is refused', (_name, from, to, problem) => {
  expect(problemsOf(changed(from, to)).join('\n')).toContain(problem)
})

test('the cluster that the signer runs in is asked, and its API server has the keys', () => {
  const text = changed('mode: jwks', 'mode: tokenReview').replace('    jwks: cluster.json\n', '')
  const settings = parseSettings(text, 'signer.yaml')
  if ('problems' in settings) throw new Error(settings.problems.join())
  expect(settings.clusters).toEqual([expect.objectContaining({ mode: 'tokenReview' })])
  expect(settings.clusters[0]).not.toHaveProperty('jwks')
})

test('a second cluster cannot be asked, because the signer runs in one', () => {
  const text = changed('mode: jwks', 'mode: tokenReview')
  const second = text.slice(text.indexOf('  - name')).replace('prod-eu', 'prod-us')
  expect(problemsOf(text + second).join('\n')).toContain(
    'clusters[1].mode must be jwks: the signer runs in one cluster',
  )
})

test('a second issuer is refused with a sentence until it exists', () => {
  const text = changed('clusters:', '  - {url: https://two.example, organization: two}\nclusters:')
  expect(problemsOf(text)).toEqual([expect.stringContaining('issuers must hold exactly one issuer: this version')])
})

test.each([
  ['name', 'clusters[1].name prod-eu is used by an earlier cluster'],
  ['issuer', "a token's iss decides its cluster"],
  ['organization', 'two clusters would share one sub'],
])('two clusters with one %s are refused', (_key, problem) => {
  const second = GOOD.slice(GOOD.indexOf('  - name'))
  expect(problemsOf(GOOD + second).join('\n')).toContain(problem)
})

test('every mistake is reported at once, with the path that leads to it', () => {
  const text = `
issuers: [{url: http://x, organization: Acme, color: red}]
clusters: [{name: c, organization: acme, mode: review, issuer: '', jwks: x}]
`
  expect(problemsOf(text).map((problem) => problem.split(' ').slice(0, 2).join(' '))).toEqual([
    'signer.yaml: issuers[0].url',
    'signer.yaml: issuers[0].organization',
    'signer.yaml: issuers[0].color',
    'signer.yaml: clusters[0].mode',
    'signer.yaml: clusters[0].issuer',
  ])
})

test.each([
  ['broken YAML', 'issuers: [{', 'line 1'],
  ['a repeated key', 'issuers: []\nissuers: []', 'line 2'],
])('%s is reported with its place', (_name, text, place) => {
  expect(problemsOf(text)[0]).toMatch(new RegExp(`^signer.yaml: .*${place}`))
})

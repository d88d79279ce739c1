/** Which URLs every relying party takes as `iss`. */
import { expect, test } from 'vitest'
import { issuerUrlProblem } from '../../src/signer/issuer-url.ts'

test.each([
  'https://issuer.example',
  'https://issuer.example/acme-prod',
  'https://oidc.example.com/a/b.c_d~e-f',
  'https://xn--bcher-kva.example',
  `https://issuer.example/${'a'.repeat(200 - 'https://issuer.example/'.length)}`,
])('%s is good', (url) => {
  expect(issuerUrlProblem(url)).toBeUndefined()
})

test.each([
  ['http://issuer.example', 'begin with https://'],
  ['HTTPS://issuer.example', 'begin with https://'],
  ['issuer.example', 'begin with https://'],
  ['', 'begin with https://'],
  [`https://issuer.example/${'a'.repeat(201 - 'https://issuer.example/'.length)}`, 'at most 200'],
  ['https://issuer.example?', 'no query'],
  ['https://issuer.example/x?y=1', 'no query'],
  ['https://issuer.example/#x', 'no query and no fragment'],
  ['https://issuer.example/', 'not end with a slash'],
  ['https://', 'not end with a slash'],
  ['https://issuer .example', 'a URL'],
  ['https://me@issuer.example', 'no user'],
  ['https://@issuer.example', 'no user'],
  ['https://issuer.example:8443', 'no port'],
  ['https://issuer.example:443', 'no port'],
  ['https://issuer.example:443/x', 'no port'],
  ['https://Issuer.example', 'lower-case'],
  ['https://bücher.example', 'in ASCII'],
  ['https://192.0.2.1', 'not an IP address'],
  ['https://192.0.2.1:8443', 'not an IP address'],
  ['https://0x7f.1', 'not an IP address'],
  ['https://2130706433', 'not an IP address'],
  ['https://[2001:db8::1]', 'not an IP address'],
  ['https://issuer.example/a//b', 'single slashes'],
  ['https://issuer.example//a', 'single slashes'],
  ['https://issuer.example/a/../b', 'path of letters'],
  ['https://issuer.example/a/./b', 'path of letters'],
  ['https://issuer.example/a%20b', 'path of letters'],
  ['https://issuer.example/:tenant', 'path of letters'],
  ['https://issuer.example/*', 'path of letters'],
  ['https://issuer.example\\a', 'lower-case host name'],
])('%s is not good: it must %s', (url, what) => {
  expect(issuerUrlProblem(url)).toContain(what)
})

/** Shows where a container's path is found in a text and where it is not. */
import { expect, test } from 'vitest'
import { isWithin, mapPaths, trimSlash } from '../../../src/cli/exec/paths.ts'

const MAPPINGS = [
  { containerPath: '/data', localPath: '/private/v1' },
  { containerPath: '/data/deep', localPath: '/private/v2' },
  { containerPath: '/private', localPath: '/elsewhere' },
]

test.each([
  ['/data', '/private/v1'],
  ['/data/', '/private/v1/'],
  ['/data/file.txt', '/private/v1/file.txt'],
  ['/data/deep/x', '/private/v2/x'],
  ['/data/deeper/x', '/private/v1/deeper/x'],
  ['--config=/data/c.yaml', '--config=/private/v1/c.yaml'],
  ['/data/a:/data/b', '/private/v1/a:/private/v1/b'],
  ['cat "/data/a" && rm \'/data/b\'', 'cat "/private/v1/a" && rm \'/private/v1/b\''],
  ['file:///data/a', 'file:///private/v1/a'],
  ['{"file":"/data/a"}', '{"file":"/private/v1/a"}'],
  ['see /data.', 'see /private/v1.'],
])('%s becomes %s', (text, expected) => {
  expect(mapPaths(text, MAPPINGS)).toBe(expected)
})

test.each([
  '/data2',
  '/data-old/x',
  '/data.bak',
  '/var/data',
  './data/x',
  'https://host.example/data/x',
  'https://host.example:8080/data',
  'http:///x/data',
  '%2F/data',
  '~/data',
  '',
])('%s stays as it is', (text) => {
  expect(mapPaths(text, MAPPINGS)).toBe(text)
})

test('what one mapping wrote, no other rewrites', () => {
  expect(mapPaths('/data', MAPPINGS)).toBe('/private/v1')
})

test('a path with signs that regular expressions know is only itself', () => {
  expect(mapPaths('/a.b /axb', [{ containerPath: '/a.b', localPath: '/l' }])).toBe('/l /axb')
})

test.each([
  ['/a', '/a', true],
  ['/a/b', '/a', true],
  ['/ab', '/a', false],
])('%s within %s: %s', (path, folder, expected) => {
  expect(isWithin(path, folder)).toBe(expected)
})

test('a slash at the end says nothing, except of the root', () => {
  expect([trimSlash('/a//'), trimSlash('/')]).toEqual(['/a', '/'])
})

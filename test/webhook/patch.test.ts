/** Additions between two values, and everything that is no addition. */
import { expect, test } from 'vitest'
import type { Json, JsonObject } from '../../src/webhook/json.ts'
import { additions } from '../../src/webhook/patch.ts'
import { applied } from './apply.ts'

test.each<[string, JsonObject, JsonObject, [string, Json][]]>([
  ['nothing', { a: 1 }, { a: 1 }, []],
  ['a member', { a: 1 }, { a: 1, b: 2 }, [['/b', 2]]],
  ['a whole parent at once', {}, { a: { b: { c: 1 } } }, [['/a', { b: { c: 1 } }]]],
  ['a member deep down', { a: { b: {} } }, { a: { b: { c: 1 } } }, [['/a/b/c', 1]]],
  ['slash and tilde', { a: {} }, { a: { 'x/y~z': 1 } }, [['/a/x~1y~0z', 1]]],
  ['what only looks escaped', { a: {} }, { a: { '~1': 1 } }, [['/a/~01', 1]]],
  ['an empty key', {}, { '': 1 }, [['/', 1]]],
  ['null, which counts as absent', { a: null }, { a: [1] }, [['/a', [1]]]],
  ['a null that stays', { a: null }, { a: null, b: 1 }, [['/b', 1]]],
  ['the end of a list', { a: [1] }, { a: [1, 2] }, [['/a/-', 2]]],
  ['the front of a list', { a: [{ n: 1 }] }, { a: [{ n: 0 }, { n: 1 }] }, [['/a/0', { n: 0 }]]],
  ['the middle of a list', { a: [1, 3] }, { a: [1, 2, 3] }, [['/a/1', 2]]],
  [
    'several places of a list',
    { a: [{ n: 1 }, { n: 2 }] },
    { a: [{ n: 0 }, { n: 1, x: 1 }, { n: 2 }, { n: 3 }] },
    [
      ['/a/0', { n: 0 }],
      ['/a/1/x', 1],
      ['/a/-', { n: 3 }],
    ],
  ],
  [
    'an empty list',
    { a: [] },
    { a: [1, 2] },
    [
      ['/a/-', 1],
      ['/a/-', 2],
    ],
  ],
  [
    'an element that resembles the next',
    { a: [{}] },
    { a: [{ n: 1 }, {}] },
    [
      ['/a/0/n', 1],
      ['/a/-', {}],
    ],
  ],
  ['a key of every object', JSON.parse('{}'), JSON.parse('{"__proto__":{"a":1}}'), [['/__proto__', { a: 1 }]]],
])('%s', (_name, before, after, expected) => {
  const patch = additions(before, after)
  expect(patch).toEqual(expected.map(([path, value]) => ({ op: 'add', path, value })))
  // The library that applies patches refuses this one key for its own safety.
  if (!expected.some(([path]) => path === '/__proto__')) expect(applied(before, patch)).toEqual(after)
})

test.each<[string, Json, Json]>([
  ['a changed value', { a: 1 }, { a: 2 }],
  ['a removed member', { a: 1, b: 2 }, { a: 1 }],
  ['a member that became null', { a: 1 }, { a: null }],
  ['a changed kind', { a: [1] }, { a: { 0: 1 } }],
  ['text for a number', { a: 1 }, { a: '1' }],
  ['a removed element', { a: [1, 2] }, { a: [2] }],
  ['a changed element', { a: [{ n: 1 }] }, { a: [{ n: 2 }] }],
  ['other order', { a: [1, 2] }, { a: [2, 1] }],
  ['one element for two', { a: [{}, {}] }, { a: [{ n: 1 }] }],
  ['an inherited name', JSON.parse('{"toString":1}'), {}],
])('more than additions is a fault: %s', (_name, before, after) => {
  expect(() => additions(before, after)).toThrow('not the original with additions')
})

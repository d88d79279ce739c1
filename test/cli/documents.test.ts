/** Shows for any documents that a change says exactly what it should, and that neighbours keep every byte. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { readStream, rewriteStream, sameJson } from '../../src/cli/documents.ts'
import { isRefusal } from '../../src/errors.ts'
import type { Json, JsonObject } from '../../src/webhook/json.ts'
import { additions } from '../../src/webhook/patch.ts'

function read(text: string) {
  const stream = readStream(text, 'test')
  if (isRefusal(stream)) throw new Error(stream.message)
  return stream
}

/** What YAML writers quote, and what they had better. */
const awkward = fc.constantFrom(
  'yes',
  'no',
  'on',
  '~',
  'null',
  '0644',
  '1e3',
  '12:30',
  '2020-01-01',
  '# x',
  'a: b',
  '- a',
  '',
  ' x ',
  'a\nb\n',
  '"',
  "'",
  '{x}',
  '*x',
  '&x',
  '!x',
  '%x',
  '---',
  '0x1F',
  '1_000',
  '.5',
  '=',
  '<<',
)
const scalar: fc.Arbitrary<Json> = fc.oneof(
  awkward,
  fc.string(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
)
const key = fc.oneof(
  fc.stringMatching(/^[a-z][a-zA-Z0-9./-]{0,12}$/),
  awkward.filter((text) => text !== '<<'),
)
const { object } = fc.letrec<{ object: JsonObject; value: Json }>((tie) => ({
  object: fc.dictionary(key, tie('value'), {
    minKeys: 1,
    maxKeys: 4,
    noNullPrototype: true,
  }) as fc.Arbitrary<JsonObject>,
  value: fc.oneof(
    { maxDepth: 4 },
    scalar,
    tie('object'),
    fc.array(tie('value'), { maxLength: 3 }),
  ) as fc.Arbitrary<Json>,
}))
const manner = fc.record({
  indent: fc.constantFrom(2, 4),
  indentSeq: fc.boolean(),
  flowCollectionPadding: fc.boolean(),
  collectionStyle: fc.constantFrom('any' as const, 'flow' as const),
  defaultStringType: fc.constantFrom('PLAIN' as const, 'QUOTE_DOUBLE' as const, 'QUOTE_SINGLE' as const),
})
const write = (value: Json, options: object) => stringify(value, { version: '1.1', ...options })

test('a changed document says what it should, its neighbours every byte that they said', () => {
  fc.assert(
    fc.property(
      object,
      object,
      object,
      manner,
      fc.constantFrom('\n', '\r\n'),
      (first, before, added, style, newline) => {
        const after = {
          ...before,
          ...Object.fromEntries(Object.entries(added).filter(([name]) => !Object.hasOwn(before, name))),
        }
        const head = `# neighbour\n${write(first, {})}--- # next\n`.replaceAll('\n', newline)
        const tail = `---\n${write(first, style)}`.replaceAll('\n', newline)
        const text = head + write(before, style).replaceAll('\n', newline) + tail
        const stream = read(text)
        const document = stream.documents[1]
        if (document === undefined) throw new Error('the stream lost a document')
        const change = { value: after, patch: additions(before, after) }
        const changed = rewriteStream(stream, new Map([[document, change]]))
        expect(changed.startsWith(head)).toBe(true)
        expect(changed.endsWith(tail)).toBe(true)
        expect(sameJson(read(changed).documents[1]?.value, after)).toBe(true)
      },
    ),
    { numRuns: 300 },
  )
})

test('without a change the text is the text', () => {
  fc.assert(
    fc.property(fc.array(object), manner, (documents, style) => {
      const text = documents.map((one) => write(one, style)).join('---\n')
      expect(rewriteStream(read(text), new Map())).toBe(text)
    }),
  )
})

test.each([
  [{ a: 1, b: [1, 2] }, { b: [1, 2], a: 1 }, true],
  [[1, 2], [2, 1], false],
  [[], {}, false],
  [null, {}, false],
  [{ a: undefined }, { b: 1 }, false],
  [1, '1', false],
])('%j and %j say the same: %s', (a, b, expected) => {
  expect(sameJson(a, b)).toBe(expected)
})

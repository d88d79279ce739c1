/** Reads the chart's values with the sentences that explain them, for the table in the chart's README. */
import { readFileSync } from 'node:fs'
import { isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml'

const FILE = new URL('../../charts/token-projector/values.yaml', import.meta.url)

export interface ExplainedValue {
  /** Such as `webhook.replicas`. */
  key: string
  /** The comment above the key; empty where there is none. */
  sentence: string
  default: unknown
}

/** Every value that can be set by itself, in the file's order: a section is one through the values in it. */
export function explainedValues(text: string): ExplainedValue[] {
  const document = parseDocument(text)
  return isMap(document.contents) ? inMap(document.contents, '') : []
}

export function valueRows(): string[] {
  const rows = explainedValues(readFileSync(FILE, 'utf8')).map(
    ({ key, sentence, default: value }) => `| \`${key}\` | ${escaped(sentence)} | \`${JSON.stringify(value)}\` |`,
  )
  return ['| value | meaning | default |', '|---|---|---|', ...rows]
}

function inMap(map: YAMLMap, prefix: string): ExplainedValue[] {
  return map.items.flatMap((pair, index) => {
    const key = `${prefix}${pair.key}`
    const comment = commentOf(pair, index === 0 ? map : undefined)
    // A section has no comment of its own, or holds values that do.
    if (isMap(pair.value) && pair.value.items.some((_, at) => isExplained(pair.value as YAMLMap, at))) {
      return inMap(pair.value, `${key}.`)
    }
    return [{ key, sentence: comment, default: plain(pair.value) }]
  })
}

function isExplained(map: YAMLMap, index: number): boolean {
  const pair = map.items[index]
  if (pair === undefined) return false
  if (commentOf(pair, index === 0 ? map : undefined) !== '') return true
  return isMap(pair.value) && pair.value.items.some((_, at) => isExplained(pair.value as YAMLMap, at))
}

/** The comment above a map's first key belongs to the map. */
function commentOf(pair: Pair, map: YAMLMap | undefined): string {
  const own = isScalar(pair.key) ? pair.key.commentBefore : undefined
  const comment = own ?? map?.commentBefore ?? ''
  // Paragraphs before the last one speak of the file.
  return (comment.split(/\n\s*\n/).at(-1) ?? '').split('\n').join(' ').trim().replaceAll(/\s+/g, ' ')
}

const plain = (node: unknown): unknown => (node as { toJSON?: () => unknown } | null)?.toJSON?.() ?? null

const escaped = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '\\<')

/** Applies a JSON patch to YAML text so that comments, quotes and the notation of numbers stay. Pure. */
import {
  type Alias,
  Document,
  isAlias,
  isCollection,
  isMap,
  isSeq,
  type Node,
  parseDocument,
  type ScalarTag,
  type Tags,
  visit,
} from 'yaml'
import type { Operation } from '../webhook/patch.ts'

/** What Kubernetes' own reader has no notion of, or reads as a string: dates, base 60, sets and the like. */
const FOREIGN_TAGS = ['binary', 'omap', 'pairs', 'set', 'timestamp']

/**
 * Kubernetes reads YAML 1.1 (`0644` is octal, `yes` is a boolean) without its dates and base 60 numbers
 * (sigs.k8s.io/yaml); a reader of 1.2 would turn `defaultMode: 0644` into another mode.
 */
export const YAML_OPTIONS = { version: '1.1' as const, customTags: kubernetesTags }

function kubernetesTags(tags: Tags): Tags {
  return tags.flatMap((tag): Tags => {
    if (typeof tag === 'string') return [tag]
    if (FOREIGN_TAGS.some((name) => tag.tag.endsWith(`:${name}`))) return []
    if (!/:(?:int|float)$/.test(tag.tag)) return [tag]
    return 'format' in tag && tag.format === 'TIME' ? [] : [asWritten(tag as ScalarTag)]
  })
}

/** `1_000`, `1.10` and numbers beyond 2^53 leave as they came. */
function asWritten(tag: ScalarTag): ScalarTag {
  const { stringify } = tag
  return {
    ...tag,
    stringify: (scalar, ...rest) => scalar.source ?? stringify?.(scalar, ...rest) ?? String(scalar.value),
  }
}

/** Where keys begin that JSON cannot have. */
export function foreignKeys(document: Document): number[] {
  const offsets: number[] = []
  visit(document, {
    Pair(_key, { key }) {
      if (isCollection(key)) offsets.push(key.range?.[0] ?? 0)
    },
  })
  return offsets
}

/** @returns undefined when a step of the patch leads through something that cannot be patched in place */
export function asPatchedYaml(source: string, patch: readonly Operation[]): string | undefined {
  const document = parseDocument(source, YAML_OPTIONS)
  expandAliases(document)
  const applied = patch.every((operation) => apply(document, operation))
  return applied ? write(document, source) : undefined
}

/** `value` as YAML in the manner of `source`, without its comments. */
export function asFreshYaml(source: string, value: unknown): string {
  return write(new Document(value, YAML_OPTIONS), source)
}

function write(document: Document, source: string): string {
  return document.toString({ lineWidth: 0, directives: false, ...mannersOf(source) })
}

function mannersOf(source: string) {
  const indent = /^( +)[^\s#-]/m.exec(source)?.[1]?.length ?? 2
  return {
    indent: Math.max(indent, 2),
    indentSeq: !/^( *)[^\s#-][^\n]*:[ \t]*(?:#[^\n]*)?\r?\n\1- /m.test(source),
    flowCollectionPadding: /[[{] [^\s]/.test(source) || !/[[{][^\s\]}]/.test(source),
  }
}

/** A container that shares its mounts with another by an alias gets mounts of its own before they differ. */
function expandAliases(document: Document): void {
  let anyAlias = false
  visit(document, {
    Alias(_key, alias: Alias) {
      anyAlias = true
      return alias.resolve(document)?.clone() as Node | undefined
    },
  })
  if (!anyAlias) return
  visit(document, {
    Node(_key, node) {
      if (!isAlias(node)) delete node.anchor
    },
  })
}

function apply(document: Document, operation: Operation): boolean {
  if (operation.op !== 'move') return change(document, operation)
  const moved = nodeAt(document, keysOf(operation.from))
  if (moved === undefined || !change(document, { op: 'remove', path: operation.from })) return false
  return change(document, { op: 'add', path: operation.path, value: moved })
}

type Change = { op: 'add' | 'replace'; path: string; value: unknown } | { op: 'remove'; path: string }

function change(document: Document, operation: Change): boolean {
  const keys = keysOf(operation.path)
  const last = keys.pop()
  const parent = nodeAt(document, keys)
  if (last === undefined) return false
  if (operation.op === 'remove') return isCollection(parent) && parent.delete(isSeq(parent) ? Number(last) : last)
  const value = document.createNode(operation.value)
  if (isMap(parent)) parent.set(document.createNode(last), value)
  else if (isSeq(parent)) return insert(parent.items, last, value, operation.op === 'replace' ? 1 : 0)
  return isMap(parent)
}

function insert(items: unknown[], position: string, node: Node, insteadOf: number): boolean {
  const index = position === '-' ? items.length : Number(position)
  if (!Number.isInteger(index) || index < 0 || index > items.length - insteadOf) return false
  items.splice(index, insteadOf, node)
  return true
}

function keysOf(path: string): string[] {
  return path.split('/').slice(1).map(unescapePointer)
}

function nodeAt(document: Document, keys: readonly string[]): unknown {
  return keys.reduce<unknown>(step, document.contents)
}

function step(node: unknown, key: string): unknown {
  if (isMap(node)) return node.get(key, true)
  return isSeq(node) ? node.items[Number(key)] : undefined
}

/** RFC 6901 section 4. */
function unescapePointer(key: string): string {
  return key.replaceAll('~1', '/').replaceAll('~0', '~')
}

/** Reads a stream of YAML or JSON documents and writes it back with a few of them changed, all else to the byte. Pure. */
import { type Document, LineCounter, parseAllDocuments } from 'yaml'
import { ProjectorError, type Refusal, refuse } from '../errors.ts'
import type { Operation } from '../webhook/patch.ts'
import { asFreshYaml, asPatchedYaml, foreignKeys, YAML_OPTIONS } from './yaml.ts'

/** One document that holds something. */
export interface StreamDocument {
  /** Its place in the stream, from 1, as a person counts. */
  number: number
  value: unknown
  /** Where its content begins and ends, without separators and the comments around them. */
  start: number
  end: number
}

export interface DocumentStream {
  text: string
  documents: StreamDocument[]
}

/** What a document becomes: `value` is the truth, `patch` says how to get there without touching the rest. */
export interface Change {
  value: unknown
  patch: readonly Operation[]
}

/** `{{ .Values.x }}` is a mapping in a mapping's place to YAML, and nothing to Kubernetes. */
const FOREIGN_KEY = 'a key must not be a list or mapping; render templates first'

/**
 * @param source what the messages call the text: a file's name
 * @returns a refusal `input-malformed` with one line per mistake, `FILE:LINE:COLUMN: what`
 */
export function readStream(text: string, source: string): DocumentStream | Refusal {
  const json = text.startsWith('{') ? readJson(text) : undefined
  if (json !== undefined) {
    return { text, documents: [{ number: 1, value: json, start: 0, end: text.trimEnd().length }] }
  }
  const lines = new LineCounter()
  const parsed = [...parseAllDocuments(text, { ...YAML_OPTIONS, lineCounter: lines, prettyErrors: false })]
  const at = (offset: number) => `${source}:${lines.linePos(offset).line}:${lines.linePos(offset).col}`
  const mistakes = parsed.flatMap((document) => [
    ...document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`),
    ...foreignKeys(document).map((offset) => `${at(offset)}: ${FOREIGN_KEY}`),
  ])
  if (mistakes.length > 0) return refuse('input-malformed', mistakes.join('\n'))
  try {
    return { text, documents: parsed.flatMap(toDocument) }
  } catch (error) {
    // An alias without its anchor, or so many aliases that they look like an attack.
    return refuse('input-malformed', `${source}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function toDocument(document: Document.Parsed, index: number): StreamDocument[] {
  const value: unknown = document.toJS()
  if (value === null || document.contents === null) return []
  const [start, end] = document.contents.range
  return [{ number: index + 1, value, start, end }]
}

/**
 * The stream with each changed document written anew: JSON stays JSON, YAML keeps its comments, its style and
 * the notation of its numbers. What a patch cannot express (an alias, a merge key) costs that document its comments.
 * @throws ProjectorError `internal` when the text would not say what `changes` say
 */
export function rewriteStream(stream: DocumentStream, changes: ReadonlyMap<StreamDocument, Change>): string {
  if (changes.size === 0) return stream.text
  const pieces = stream.documents.map((document) => {
    const change = changes.get(document)
    return { document, text: change === undefined ? undefined : render(stream.text, document, change) }
  })
  let text = ''
  let at = 0
  for (const piece of pieces) {
    if (piece.text === undefined) continue
    text += stream.text.slice(at, piece.document.start) + piece.text
    at = piece.document.end
  }
  text += stream.text.slice(at)
  verify(text, stream, changes)
  return text
}

function render(stream: string, document: StreamDocument, change: Change): string {
  const source = stream.slice(document.start, document.end)
  if (readJson(source) !== undefined) return asJson(source, change.value)
  const column = columnOf(stream, document.start)
  const says = (text: string) => sameJson(meaningOf(text), change.value)
  const patched = asPatchedYaml(indent(source, column), change.patch)
  const text = patched !== undefined && says(patched) ? patched : asFreshYaml(source, change.value)
  return inPlace(text, source, column)
}

/** Content that begins in column three (under `- ` or by taste) stays there; the first line keeps its place in the stream. */
function inPlace(text: string, source: string, column: number): string {
  const pad = ' '.repeat(column)
  const lines = text.replace(/\n+$/, '').split('\n')
  const placed = lines.map((line, index) => (index === 0 || line === '' ? line : pad + line)).join('\n')
  const whole = /\n$/.test(source) ? `${placed}\n` : placed
  return source.includes('\r\n') ? whole.replaceAll('\n', '\r\n') : whole
}

function indent(source: string, column: number): string {
  return ' '.repeat(column) + source
}

function columnOf(text: string, offset: number): number {
  const before = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset)
  return /^ *$/.test(before) ? before.length : 0
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function asJson(source: string, value: unknown): string {
  const pad = /\n([ \t]+)/.exec(source)?.[1]
  const text = JSON.stringify(value, null, pad)
  return /\n$/.test(source) ? `${text}\n` : text
}

function meaningOf(text: string): unknown {
  const [first] = parseAllDocuments(text, YAML_OPTIONS)
  return first === undefined || first.errors.length > 0 ? undefined : first.toJS()
}

/** The last look: nothing leaves us that a reader would understand otherwise than the webhook's code meant it. */
function verify(text: string, before: DocumentStream, changes: ReadonlyMap<StreamDocument, Change>): void {
  const after = readStream(text, 'output')
  const same =
    'documents' in after &&
    after.documents.length === before.documents.length &&
    after.documents.every((document, index) => {
      const old = before.documents[index]
      const change = old === undefined ? undefined : changes.get(old)
      return sameJson(document.value, change === undefined ? old?.value : change.value)
    })
  if (!same) throw new ProjectorError('internal', 'the injected documents could not be written back in their own form')
}

/** Whether two JSON values say the same; the order of members says nothing. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameJson((a as Json)[key], (b as Json)[key]))
  )
}

type Json = Record<string, unknown>

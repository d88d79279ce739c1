/** Reads one source file into what the architecture rules judge: its imports, its first line, the globals that it touches. */
import { dirname, join, normalize } from 'node:path'
import { parseSync } from 'oxc-parser'

export interface Import {
  /** As written: `./patch.ts`, `node:fs`, `fastify`. */
  specifier: string
  /** Path from the repository's root where the specifier is relative; undefined for packages. */
  file?: string
  /** Gone once the types are stripped. */
  typeOnly: boolean
}

export interface Source {
  /** Path from the repository's root, with slashes. */
  path: string
  /** Of the comment that the file begins with; empty when it begins otherwise. */
  firstLine: string
  /** The opening comment, or its first line, ends in `Pure.` */
  isPure: boolean
  imports: Import[]
  /** Global things used: `process.env`, `Date.now`, `new Date()`, `fetch`, `setTimeout`. */
  globals: Set<string>
}

interface Node {
  type: string
  [key: string]: unknown
}

const WATCHED = new Set([
  'process',
  'fetch',
  'performance',
  'crypto',
  'console',
  'globalThis',
  'require',
  'setTimeout',
  'setInterval',
  'setImmediate',
])

/** @throws when the file does not parse, because a rule over half a file would pass for the wrong reason */
export function readSource(path: string, text: string): Source {
  const { program, errors } = parseSync(path, text)
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0]?.message}`)
  const imports: Import[] = []
  const used = new Set<string>()
  const bound = new Set<string>()
  walk(program as unknown as Node, (node) => {
    const found = importOf(node)
    if (found !== undefined) imports.push(withFile(path, found))
    collectBindings(node, bound)
    collectGlobal(node, used)
  })
  const globals = new Set([...used].filter((name) => !bound.has(name.split('.')[0] ?? name)))
  const opening = openingOf(text)
  return {
    path,
    firstLine: opening[0] ?? '',
    isPure: saysPure(opening[0]) || saysPure(opening.at(-1)),
    imports,
    globals,
  }
}

/** The lines of the comment that a file begins with, without their stars. */
function openingOf(text: string): string[] {
  const comment = /^\/\*\*([\s\S]*?)\*\//.exec(text)?.[1] ?? ''
  const lines = comment.split('\n').map((line) => line.replace(/^\s*\*? ?/, '').trim())
  return lines.filter((line) => line !== '')
}

function saysPure(line: string | undefined): boolean {
  return line !== undefined && /(?:^| )Pure\.$/.test(line)
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node)
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walk(child, visit)
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
}

/** Static, re-exported, dynamic and `import('x').Type` imports alike. */
function importOf(node: Node): { specifier: string; typeOnly: boolean } | undefined {
  const source = node.source as { value?: unknown; type?: string } | null | undefined
  switch (node.type) {
    case 'ImportDeclaration':
      return { specifier: String(source?.value), typeOnly: node.importKind === 'type' || allTypes(node.specifiers) }
    case 'ExportAllDeclaration':
    case 'ExportNamedDeclaration':
      if (source === null || source === undefined) return undefined
      return { specifier: String(source.value), typeOnly: node.exportKind === 'type' || allTypes(node.specifiers) }
    case 'ImportExpression':
      // A computed specifier could be anything; its text is no file, so the rules see a package of that name.
      return { specifier: source?.type === 'Literal' ? String(source.value) : '<computed>', typeOnly: false }
    case 'TSImportType':
      return { specifier: String(source?.value), typeOnly: true }
    default:
      return undefined
  }
}

/** `import { type A, type B }` leaves an import behind without names; only `import type` leaves none. */
function allTypes(specifiers: unknown): boolean {
  if (!Array.isArray(specifiers) || specifiers.length === 0) return false
  return specifiers.every((one) => (one as Node).importKind === 'type' || (one as Node).exportKind === 'type')
}

function withFile(path: string, found: { specifier: string; typeOnly: boolean }): Import {
  if (!found.specifier.startsWith('.')) return found
  return { ...found, file: normalize(join(dirname(path), found.specifier)) }
}

function collectBindings(node: Node, bound: Set<string>): void {
  if (node.type === 'VariableDeclarator') bindPattern(node.id, bound)
  if (node.type.startsWith('Import') && isNode(node.local)) bindPattern(node.local, bound)
  if (Array.isArray(node.params)) for (const parameter of node.params) bindPattern(parameter, bound)
}

function bindPattern(pattern: unknown, bound: Set<string>): void {
  if (!isNode(pattern)) return
  if (pattern.type === 'Identifier') bound.add(String(pattern.name))
  if (pattern.type === 'AssignmentPattern') bindPattern(pattern.left, bound)
  if (pattern.type === 'RestElement') bindPattern(pattern.argument, bound)
  if (pattern.type === 'ArrayPattern') for (const element of pattern.elements as unknown[]) bindPattern(element, bound)
  if (pattern.type === 'ObjectPattern') {
    for (const property of pattern.properties as Node[]) bindPattern(property.value ?? property, bound)
  }
}

function collectGlobal(node: Node, used: Set<string>): void {
  if (node.type === 'MemberExpression') addMember(node, used)
  if (node.type === 'NewExpression' && nameOf(node.callee) === 'Date' && (node.arguments as unknown[]).length === 0) {
    used.add('new Date()')
  }
  if (node.type === 'CallExpression' && nameOf(node.callee) === 'Date') used.add('Date')
  for (const value of valuesOf(node)) {
    const name = nameOf(value)
    if (name !== undefined && WATCHED.has(name)) used.add(name)
  }
}

/** Where a global is called, or handed on as in `{ fetch }` or `sleep(setTimeout)`. */
function valuesOf(node: Node): unknown[] {
  switch (node.type) {
    case 'CallExpression':
      return [node.callee, ...(node.arguments as unknown[])]
    case 'Property':
      return [node.value]
    case 'AssignmentPattern':
      return [node.right]
    case 'VariableDeclarator':
      return [node.init]
    default:
      return []
  }
}

const WITH_MEMBERS = new Set(['process', 'Date', 'Math', 'performance', 'globalThis'])

function addMember(node: Node, used: Set<string>): void {
  const object = nameOf(node.object)
  if (object === undefined || !isNode(node.property)) return
  if (WITH_MEMBERS.has(object)) used.add(`${object}.${node.property.name ?? node.property.value}`)
  if (WATCHED.has(object)) used.add(object)
}

function nameOf(value: unknown): string | undefined {
  return isNode(value) && value.type === 'Identifier' ? String(value.name) : undefined
}

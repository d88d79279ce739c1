/** The verb `inject`: the webhook's injection for manifests. */
import { readFile } from 'node:fs/promises'
import { isRefusal, ProjectorError, type Refusal, refuse } from '../errors.ts'
import { WELL_KNOWN_RESERVED_AUDIENCES } from '../policy/decide.ts'
import { VERSION } from '../version.ts'
import type { InjectionContext } from '../webhook/context.ts'
import type { Operation } from '../webhook/patch.ts'
import { type Change, type DocumentStream, readStream, rewriteStream, type StreamDocument } from './documents.ts'
import { injectPod } from './injection.ts'
import { readInput } from './input.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import { readPolicies } from './policies.ts'
import { podsOf, replaceAt } from './workload.ts'

export interface InjectOptions {
  /** `-` is standard input. */
  file: string
  namespace: string
  prefix: string
  image: string
  signerUrl: string
  signerCa: string | undefined
  identityAudience: string
  policyFile: string | undefined
}

export interface InjectStreams {
  stdin(): Promise<Uint8Array>
  /** Called once, with everything, when nothing was refused. */
  writeOut(text: string): void
  /** A sentence for the person that changes nothing. */
  warn(sentence: string): void
}

/** @throws ProjectorError where the input or a named file cannot be read */
export async function inject(options: InjectOptions, streams: InjectStreams): Promise<Outcome> {
  const context = await contextOf(options)
  const input = await readInput(options.file, streams.stdin)
  const stream = readStream(input.text, input.source)
  if (isRefusal(stream)) return outcomeOf([stream])
  const result = injectStream(stream, options.namespace, context)
  for (const warning of result.warnings) streams.warn(`${input.source}: ${warning}`)
  if (result.refusals.length > 0) {
    return outcomeOf(result.refusals.map(({ refused, message }) => refuse(refused, `${input.source}: ${message}`)))
  }
  streams.writeOut(rewriteStream(stream, result.changes))
  return { exitCode: 0, messages: [] }
}

interface StreamResult {
  changes: ReadonlyMap<StreamDocument, Change>
  warnings: string[]
  refusals: Refusal[]
}

function injectStream({ documents }: DocumentStream, namespace: string, context: InjectionContext): StreamResult {
  const changes = new Map<StreamDocument, Change>()
  const warnings: string[] = []
  const refusals: Refusal[] = []
  for (const document of documents) {
    let value = document.value
    const patch: Operation[] = []
    for (const found of podsOf(document.value)) {
      const at = `document ${document.number}, ${found.kind}${found.name === '' ? '' : `/${found.name}`}`
      const result = injectPod(found, namespace, context)
      warnings.push(...result.warnings.map((warning) => `${at}: ${warning}`))
      refusals.push(...result.refusals.map(({ refused, message }) => refuse(refused, `${at}: ${message}`)))
      if (result.patch.length === 0) continue
      value = replaceAt(value, found.pointer, result.pod)
      patch.push(...result.patch.map((operation) => below(found.pointer, operation)))
    }
    if (patch.length > 0) changes.set(document, { value, patch })
  }
  return { changes, warnings, refusals }
}

/** The operation with paths that begin at the document. */
function below(pointer: string, operation: Operation): Operation {
  const path = pointer + operation.path
  return operation.op === 'move' ? { ...operation, path, from: pointer + operation.from } : { ...operation, path }
}

async function contextOf(options: InjectOptions): Promise<InjectionContext> {
  const { prefix, image, signerUrl, signerCa, identityAudience, policyFile } = options
  const caBundle = signerCa === undefined ? undefined : await readAuthority(signerCa)
  return {
    prefix,
    image,
    version: VERSION,
    signer: { url: signerUrl, ...(caBundle === undefined ? {} : { caBundle }) },
    identityAudience,
    policyCheck: policyFile === undefined ? 'off' : 'refuse',
    policies: policyFile === undefined ? [] : await readPolicies(policyFile),
    reserved: new Set([...WELL_KNOWN_RESERVED_AUDIENCES, identityAudience]),
  }
}

async function readAuthority(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new ProjectorError('configuration-invalid', `--signer-ca ${file} cannot be read: ${error.message}`)
  })
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  throw new ProjectorError('configuration-invalid', `--signer-ca ${file} must hold PEM certificates`)
}

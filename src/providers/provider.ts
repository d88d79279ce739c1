/** What every provider is: annotations that ask for a token, and what an SDK then looks for in its container. Pure. */
import { TOKENS_DIRECTORY } from '../contract.ts'
import type { Refusal } from '../errors.ts'

/** An annotation as the reference documents it. */
export interface ProviderAnnotation {
  /** Without the prefix. */
  suffix: string
  meaning: string
}

/** The annotations of one pod, by suffix. */
export interface AnnotationValues {
  get(suffix: string): string | undefined
  /** The annotation's whole name, for messages. */
  key(suffix: string): string
}

/** What a provider may know of the pod. */
export interface ProviderFacts {
  /** Absent where the API server generates the name, and in a workload's template. */
  podName: string | undefined
  namespace: string
  serviceAccount: string
}

/** A container variable: a literal, or a field of the pod by the downward API. A literal never holds a `$`. */
export type Variable = { name: string; value: string } | { name: string; fieldPath: string }

/** What one provider adds to a pod. */
export interface Provision {
  /** The token's name is its file's name. */
  token: { name: string; audience: string }
  variables: Variable[]
  files: { name: string; content: string }[]
  /** The shortest life, in seconds, with which the provider's clients work. */
  minimumTtlSeconds?: number
}

export interface Provider {
  /** Name of its token. */
  name: string
  annotations: readonly ProviderAnnotation[]
  /** The annotations that ask for the token; any other one of the provider needs one of these. */
  triggers: readonly string[]
  /** A container that sets only this variable says *who* it is and still gets the others. */
  triggerVariable?: string
  /** @returns every mistake at once */
  read(values: AnnotationValues, facts: ProviderFacts): Provision | Refusal[]
}

/** Where a container finds a token or a provider file. */
export function pathOf(file: string): string {
  return `${TOKENS_DIRECTORY}/${file}`
}

/** Runs helm on the chart and reads what it renders. */
import { join } from 'node:path'
import { inject } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { run } from '../cluster/command.ts'

export const CHART = new URL('../../charts/token-projector', import.meta.url).pathname
export const RELEASE = 'token-projector'
export const NAMESPACE = 'token-projector'

export type Values = Record<string, unknown>

/** What nobody can know but the one who installs. */
export const REQUIRED: Values = {
  issuer: { url: 'https://issuer.token-projector.test', organization: 'acme' },
  cluster: { name: 'test' },
}

// biome-ignore lint/suspicious/noExplicitAny: what is rendered is what the tests judge.
export type Manifest = Record<string, any>

export interface Rendered {
  /** The template, from the chart's folder `templates`. */
  template: string
  manifest: Manifest
}

export interface HelmOptions {
  input?: string
  kubeconfig?: string
}

/** @throws ExecaError that holds what helm wrote to standard error */
export function helm(args: readonly string[], { input, kubeconfig }: HelmOptions = {}): Promise<string> {
  // Nothing of the user's own helm is read, and nothing is left there.
  const home = join(inject('scratch'), 'helm')
  const environment = {
    HELM_CACHE_HOME: join(home, 'cache'),
    HELM_CONFIG_HOME: join(home, 'config'),
    HELM_DATA_HOME: join(home, 'data'),
    KUBECONFIG: kubeconfig ?? '/dev/null',
  }
  return run([join(inject('programs'), 'helm'), ...args], { input, environment })
}

/** The text of every object, tests among them. @param values override the chart's and {@link REQUIRED} */
export function renderText(values: Values = {}, kubeVersion = '1.37.0'): Promise<string> {
  const place = ['template', RELEASE, CHART, '--namespace', NAMESPACE, '--kube-version', kubeVersion]
  return helm([...place, '--values', '-'], { input: JSON.stringify(withRequired(values)) })
}

export async function render(values: Values = {}, kubeVersion?: string): Promise<Rendered[]> {
  return parse(await renderText(values, kubeVersion))
}

/** @throws Error when a document is no good YAML, such as one with a repeated key */
export function parse(text: string): Rendered[] {
  const documents = parseAllDocuments(text, { uniqueKeys: true })
  return [...documents].flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0]
    const manifest: Manifest | null = document.toJS()
    const [, template = ''] = /Source: token-projector\/templates\/(\S+)/.exec(document.toString()) ?? []
    return manifest === null ? [] : [{ template, manifest }]
  })
}

/** One level deep, as values are laid out: what a variant says of a section adds to what is required there. */
export function withRequired(values: Values): Values {
  const merged: Values = { ...REQUIRED, ...values }
  for (const [key, required] of Object.entries(REQUIRED)) {
    merged[key] = { ...(required as Values), ...((values[key] as Values | undefined) ?? {}) }
  }
  return merged
}

export const ofKind = (rendered: readonly Rendered[], kind: string): Manifest[] =>
  rendered.filter(({ manifest }) => manifest['kind'] === kind).map(({ manifest }) => manifest)

/** @throws Error when there is no such object */
export function named(rendered: readonly Rendered[], kind: string, name: string): Manifest {
  const found = ofKind(rendered, kind).find((manifest) => manifest['metadata'].name === name)
  if (found === undefined) throw new Error(`no ${kind} ${name} is rendered`)
  return found
}

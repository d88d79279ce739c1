/** Computes a container's environment as the kubelet would, from what a pod file alone can tell. Pure. */
import { type Refusal, refuse } from '../../errors.ts'
import { isObject, type JsonObject } from '../../webhook/json.ts'
import { LOCAL_ADDRESS } from '../defaults.ts'
import { text } from '../workload.ts'

/** What the downward API tells of a pod. */
export interface PodFacts {
  name: string
  namespace: string
  uid: string
  serviceAccount: string
  nodeName: string
  labels: JsonObject
  annotations: JsonObject
}

export interface Environment {
  variables: Record<string, string>
  refusals: Refusal[]
}

const SIMPLE_FIELDS: Record<string, (facts: PodFacts) => string> = {
  'metadata.name': (facts) => facts.name,
  'metadata.namespace': (facts) => facts.namespace,
  'metadata.uid': (facts) => facts.uid,
  'spec.nodeName': (facts) => facts.nodeName,
  'spec.serviceAccountName': (facts) => facts.serviceAccount,
  'status.hostIP': () => LOCAL_ADDRESS,
  'status.hostIPs': () => LOCAL_ADDRESS,
  'status.podIP': () => LOCAL_ADDRESS,
  'status.podIPs': () => LOCAL_ADDRESS,
}

/**
 * @param given variables that a person gave; they win over the container's and stand in for what only a cluster knows
 * @returns a refusal for each variable that needs a cluster, saying what to give in its place
 */
export function environmentOf(container: JsonObject, facts: PodFacts, given: Record<string, string>): Environment {
  const name = text(container['name']) ?? ''
  const refusals = sourcesOf(container).map((source) =>
    refuse(
      'input-malformed',
      `container ${name}: envFrom ${source} needs a cluster; leave it out of the file or mark it optional, and give its variables with --env NAME=VALUE`,
    ),
  )
  const variables: Record<string, string> = { ...given }
  for (const entry of Array.isArray(container['env']) ? container['env'].filter(isObject) : []) {
    const variable = text(entry['name'])
    if (variable === undefined || Object.hasOwn(given, variable)) continue
    const value = valueOfEntry(entry, facts, variables)
    if (typeof value === 'string') variables[variable] = value
    else if (value !== undefined) refusals.push(needsCluster(name, variable, value.source))
  }
  return { variables, refusals }
}

/**
 * `$(NAME)` replaced by what is defined, `$$` by one dollar; an unknown name stays as it is
 * (kubernetes third_party/forked/golang/expansion).
 */
export function expand(template: string, variables: Record<string, string>): string {
  return template.replace(/\$(?:\$|\(([^)]*)\))/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : Object.hasOwn(variables, name) ? (variables[name] ?? '') : whole,
  )
}

/** The value, undefined for an optional one that is not there, or what it would have come from. */
function valueOfEntry(
  entry: JsonObject,
  facts: PodFacts,
  variables: Record<string, string>,
): string | undefined | { source: string } {
  const from = entry['valueFrom']
  if (!isObject(from)) return expand(String(entry['value'] ?? ''), variables)
  const [source, reference] = Object.entries(from)[0] ?? ['valueFrom', undefined]
  if (source === 'fieldRef' && isObject(reference)) {
    const path = String(reference['fieldPath'])
    return fieldOf(path, facts) ?? { source: `fieldRef ${path}` }
  }
  return isObject(reference) && reference['optional'] === true ? undefined : { source }
}

/** A label or annotation that is not there is an empty value, as it is to the kubelet. */
function fieldOf(path: string, facts: PodFacts): string | undefined {
  const [, map, key] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path) ?? []
  if (key !== undefined) return String((map === 'labels' ? facts.labels : facts.annotations)[key] ?? '')
  return Object.hasOwn(SIMPLE_FIELDS, path) ? SIMPLE_FIELDS[path]?.(facts) : undefined
}

function needsCluster(container: string, variable: string, source: string): Refusal {
  return refuse(
    'input-malformed',
    `container ${container}: the variable ${variable} comes from ${source}, which needs a cluster; give it with --env ${variable}=VALUE`,
  )
}

function sourcesOf(container: JsonObject): string[] {
  const sources = Array.isArray(container['envFrom']) ? container['envFrom'].filter(isObject) : []
  return sources.flatMap((source) => {
    const [kind, reference] = Object.entries(source).find(([key]) => key.endsWith('Ref')) ?? []
    if (kind === undefined || (isObject(reference) && reference['optional'] === true)) return []
    return [`${kind} ${isObject(reference) ? String(reference['name']) : ''}`.trim()]
  })
}

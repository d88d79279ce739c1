/** Turns a pod into the local processes that play it: commands, environment and paths. Pure. */
import {
  FETCH_CONTAINER,
  IMAGE_NODE,
  IMAGE_SIDECAR,
  IMAGE_WAIT,
  SIDECAR_CONTAINER,
  SIDECAR_VARIABLE,
} from '../../contract.ts'
import { type Refusal, refuse } from '../../errors.ts'
import { isObject, type JsonObject } from '../../webhook/json.ts'
import { text } from '../workload.ts'
import { environmentOf, expand, type PodFacts } from './environment.ts'
import { type Mapping, mapPaths } from './paths.ts'
import { type IdentityProjection, type LocalVolumes, listOf, mappingsOf, volumesOf } from './volumes.ts'

/** A program with everything it needs; nothing of the parent's environment reaches it but `PATH`. */
export interface LocalProcess {
  container: string
  command: readonly string[]
  variables: Record<string, string>
  /** Undefined means the folder in which the person stands. */
  workingDirectory: string | undefined
}

export interface PlannedContainer extends LocalProcess {
  /** `native` is an init container that stays: `restartPolicy: Always`. */
  role: 'init' | 'native' | 'app'
  /** One of our own containers, whose log is ours to read. */
  isOurs: boolean
  /** Where its paths lead. */
  mappings: readonly Mapping[]
  postStart: readonly string[] | undefined
}

export interface PodPlan {
  /** Folders to make before anything starts. */
  folders: string[]
  identity: IdentityProjection
  /** In the order in which the kubelet starts them. */
  initContainers: PlannedContainer[]
  apps: PlannedContainer[]
  terminationGraceMs: number
}

/** What stands in for the programs of our image; local and absolute. */
export interface Programs {
  node: string
  sidecar: string
  wait: string
}

export interface PlanOptions {
  facts: PodFacts
  /** Holds one folder per volume; absolute. */
  volumesRoot: string
  programs: Programs
  path: string
  /** Added to every container that is not ours. */
  variables: Record<string, string>
  mappings: readonly Mapping[]
  /** Runs in place of the app containers when not empty. */
  command: readonly string[]
  /** Whose environment `command` gets; the first app container's when undefined. */
  container: string | undefined
}

const DEFAULT_GRACE_SECONDS = 30

/** @returns every refusal, each saying what to give or change */
export function planPod(pod: JsonObject, options: PlanOptions): PodPlan | Refusal[] {
  const spec = isObject(pod['spec']) ? pod['spec'] : {}
  const volumes = volumesOf(spec, options.volumesRoot)
  const apps = chooseApps(spec, options)
  if ('refused' in apps) return [apps]
  const planned = [
    ...listOf(spec['initContainers']).map((container) =>
      planContainer(container, container['restartPolicy'] === 'Always' ? 'native' : 'init', volumes, options),
    ),
    ...apps.map((container) => planContainer(container, 'app', volumes, options)),
  ]
  const refusals = planned.flatMap(({ refusals }) => refusals)
  if (volumes.identity === undefined) {
    refusals.push(refuse('input-malformed', 'the pod has no identity volume of ours; give the pod before injection'))
  }
  if (refusals.length > 0 || volumes.identity === undefined) return refusals
  const containers = planned.map(({ container }) => container)
  return {
    folders: [...new Set([...volumes.folders.values(), ...subFolders(containers, options.volumesRoot)])],
    identity: volumes.identity,
    initContainers: containers.filter(({ role }) => role !== 'app'),
    apps: containers.filter(({ role }) => role === 'app'),
    terminationGraceMs: graceOf(spec) * 1000,
  }
}

function chooseApps(spec: JsonObject, { command, container }: PlanOptions): JsonObject[] | Refusal {
  const all = listOf(spec['containers'])
  const chosen = container === undefined ? all[0] : all.find(({ name }) => name === container)
  if (chosen === undefined) {
    const names = all.map(({ name }) => String(name)).join(', ')
    return refuse('unknown-container', `the pod has no container ${container ?? 'at all'}; it has: ${names || 'none'}`)
  }
  return command.length > 0 || container !== undefined ? [chosen] : all
}

function planContainer(
  container: JsonObject,
  role: PlannedContainer['role'],
  volumes: LocalVolumes,
  options: PlanOptions,
): { container: PlannedContainer; refusals: Refusal[] } {
  const name = text(container['name']) ?? ''
  const isOurs = name === SIDECAR_CONTAINER || name === FETCH_CONTAINER
  const environment = environmentOf(container, options.facts, isOurs ? {} : options.variables)
  const { mappings, refusals } = mappingsOf(container, volumes, isOurs ? [] : options.mappings)
  const hasOwnCommand = role === 'app' && options.command.length > 0
  const local = (text: string) => mapPaths(text, mappings)
  const run = (words: readonly string[]) =>
    words.map((word) => (isOurs ? programOf(word, options.programs) : undefined) ?? local(word))
  const expanded = (words: readonly string[]) => words.map((word) => expand(word, environment.variables))
  const command = hasOwnCommand ? options.command : expanded(wordsOf(container))
  const hook = hookOf(container)
  const problems = [
    ...environment.refusals,
    ...refusals,
    ...(command.length === 0 ? [noCommand(name, role)] : []),
    ...(hook === 'foreign' ? [foreignHook(name)] : []),
    ...(hasOwnCommand ? [] : foreignDirectory(name, container, mappings)),
  ]
  return {
    refusals: problems,
    container: {
      container: name,
      role,
      isOurs,
      mappings,
      command: run(command),
      variables: { PATH: options.path, ...mapValues(environment.variables, local) },
      workingDirectory: hasOwnCommand ? undefined : mapWhole(text(container['workingDir']), local),
      postStart: hook === undefined || hook === 'foreign' || hasOwnCommand ? undefined : run(hook),
    },
  }
}

/** The image's own entry point is unknown here, so `args` alone run nothing. */
function wordsOf(container: JsonObject): string[] {
  const command = stringsOf(container['command'])
  return command.length === 0 ? [] : [...command, ...stringsOf(container['args'])]
}

function programOf(word: string, programs: Programs): string | undefined {
  const known: Record<string, string> = {
    [IMAGE_NODE]: programs.node,
    [IMAGE_SIDECAR]: programs.sidecar,
    [IMAGE_WAIT]: programs.wait,
  }
  return Object.hasOwn(known, word) ? known[word] : undefined
}

function hookOf(container: JsonObject): string[] | 'foreign' | undefined {
  const lifecycle = isObject(container['lifecycle']) ? container['lifecycle'] : {}
  if (!isObject(lifecycle['postStart'])) return undefined
  const { exec } = lifecycle['postStart']
  return isObject(exec) ? stringsOf(exec['command']) : 'foreign'
}

function noCommand(name: string, role: PlannedContainer['role']): Refusal {
  const own = role === 'app' ? ', or a command of your own behind --' : ', or leave the container out of the file'
  return refuse(
    'input-malformed',
    `container ${name} has no command, and its image's is not known here; give it a command: in the file${own}`,
  )
}

function foreignHook(name: string): Refusal {
  return refuse(
    'input-malformed',
    `container ${name} has a postStart hook that is not exec; change it to exec or leave it out of the file`,
  )
}

function foreignDirectory(name: string, container: JsonObject, mappings: readonly Mapping[]): Refusal[] {
  const directory = text(container['workingDir'])
  if (directory === undefined || mapPaths(directory, mappings) !== directory) return []
  const message = `container ${name} works in ${directory}, a folder of its image; give a local one with --map ${directory}=LOCAL_PATH`
  return [refuse('input-malformed', message)]
}

/** A mounted subPath is a folder that somebody has to make. */
function subFolders(containers: readonly PlannedContainer[], root: string): string[] {
  return containers.flatMap(({ mappings }) =>
    mappings.map(({ localPath }) => localPath).filter((path) => path.startsWith(`${root}/`)),
  )
}

function graceOf(spec: JsonObject): number {
  const seconds = spec['terminationGracePeriodSeconds']
  return typeof seconds === 'number' ? seconds : DEFAULT_GRACE_SECONDS
}

/** The sidecar's configuration is JSON, and mapped as such where it is pointed at the local signer. */
function mapValues(variables: Record<string, string>, map: (value: string) => string): Record<string, string> {
  const entries = Object.entries(variables)
  return Object.fromEntries(entries.map(([name, value]) => [name, name === SIDECAR_VARIABLE ? value : map(value)]))
}

function mapWhole(value: string | undefined, map: (value: string) => string): string | undefined {
  return value === undefined ? undefined : map(value)
}

function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}

/** The verb `exec`: a pod as local processes, with a cluster, a kubelet and a signer that live as long as it does. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { IMAGE_SIDECAR, IMAGE_WAIT, TOKENS_VOLUME } from '../contract.ts'
import { isRefusal, type Refusal } from '../errors.ts'
import { createLog } from '../log.ts'
import { WELL_KNOWN_RESERVED_AUDIENCES } from '../policy/decide.ts'
import { VERSION } from '../version.ts'
import type { InjectionContext } from '../webhook/context.ts'
import { DEFAULT_IMAGE, DEFAULT_SIGNER_URL, LOCAL_CLUSTER_ISSUER } from './defaults.ts'
import { createPrivateFolder, type PrivateFolder } from './exec/folder.ts'
import { type ClusterKey, createClusterKey, keepIdentityToken } from './exec/kubelet.ts'
import type { Mapping } from './exec/paths.ts'
import { type PlannedContainer, type PlanOptions, type PodPlan, type Programs, planPod } from './exec/plan.ts'
import { type ReadyPod, readyPod } from './exec/pod.ts'
import { startProcess } from './exec/process.ts'
import { rewire } from './exec/rewire.ts'
import { type EmbeddedSigner, type EmbeddedSignerDeps, type SignerOptions, startEmbeddedSigner } from './exec/signer.ts'
import { createSupervisor } from './exec/supervise.ts'
import { readInput } from './input.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import { readPolicies } from './policies.ts'

export interface ExecOptions extends SignerOptions {
  /** `-` is standard input. */
  podFile: string
  prefix: string
  namespace: string
  /** Runs in place of the app containers when not empty. */
  command: string[]
  container: string | undefined
  variables: Record<string, string>
  mappings: Mapping[]
  /** Gets a {@link State} while everything runs. */
  state: string | undefined
  verbose: boolean
}

/** What `--state` tells a script. */
export interface State {
  issuer: string
  /** Where discovery and JWKS are, for a verifier that is led here. */
  publicPort: number
  /** PEM roots of both listeners. */
  caFile: string
  /** The signer's token endpoint. */
  signerUrl: string
  /** Where the token files are. */
  tokensDirectory: string
}

export interface ExecDeps {
  /** Milliseconds. */
  now(): number
  /** Uniform in [0, 1). */
  random(): number
  randomUUID(): string
  /** `PATH` of every process. */
  path: string
  /** `XDG_RUNTIME_DIR`. */
  runtimeDirectory: string | undefined
  /** The program that runs TypeScript: our own Node. */
  node: string
  /** Whether standard input is a person's keyboard. */
  isTerminal: boolean
  stdin(): Promise<Uint8Array>
  /** One line for the person, beside what the application writes. */
  say(line: string): void
  /** Hands every SIGHUP, SIGINT and SIGTERM on. */
  onSignal(pass: (name: NodeJS.Signals) => void): void
}

/** @throws ProjectorError where a file cannot be read, or the signer cannot start */
export async function exec(options: ExecOptions, deps: ExecDeps): Promise<Outcome> {
  const supervisor = createSupervisor({
    start: startProcess,
    sleep: (delayMs, signal) => sleep(delayMs, undefined, { signal }).catch(() => undefined),
    say: deps.say,
    onLog: (container, line) => options.verbose && deps.say(`${container}: ${line}`),
    appOutput: deps.isTerminal ? 'terminal' : 'inherit',
  })
  deps.onSignal(supervisor.signal)
  const context = await contextOf(options)
  const input = await readInput(options.podFile, deps.stdin)
  const ready = readyPod(input, options.namespace, deps.randomUUID(), context)
  if (Array.isArray(ready)) return outcomeOf(ready)
  for (const warning of ready.warnings) deps.say(warning)
  // Whatever began is ended in reverse, however this ends.
  await using begun = new AsyncDisposableStack()
  const folder = createPrivateFolder(deps.runtimeDirectory)
  begun.defer(folder.remove)
  const plan = planPod(ready.pod, planOptions(ready, folder, options, deps))
  if (Array.isArray(plan)) return outcomeOf(plan)
  const key = await createClusterKey(deps.randomUUID)
  const signer = await startEmbeddedSigner(options, key.jwks, folder, signerDeps(options, deps))
  begun.defer(signer.stop)
  const wired = rewirePlan(plan, signer)
  if (isRefusal(wired)) return outcomeOf([wired])
  for (const path of wired.folders) mkdirSync(path, { recursive: true, mode: 0o700 })
  begun.defer(await keepIdentity(key, ready, wired, deps))
  begun.defer(publishState(options, signer, join(folder.make('volumes'), TOKENS_VOLUME)))
  return { exitCode: await supervisor.run(wired), messages: [] }
}

async function contextOf(options: ExecOptions): Promise<InjectionContext> {
  return {
    prefix: options.prefix,
    image: DEFAULT_IMAGE,
    version: VERSION,
    // The sidecar is pointed at the embedded signer once that has a port.
    signer: { url: DEFAULT_SIGNER_URL },
    identityAudience: options.identityAudience,
    policyCheck: 'refuse',
    policies: await readPolicies(options.policyFile),
    reserved: new Set([...WELL_KNOWN_RESERVED_AUDIENCES, options.identityAudience]),
  }
}

function planOptions({ facts }: ReadyPod, folder: PrivateFolder, options: ExecOptions, deps: ExecDeps): PlanOptions {
  const { variables, command, container } = options
  return {
    facts,
    volumesRoot: folder.make('volumes'),
    programs: programsOf(deps.node),
    path: deps.path,
    variables,
    mappings: options.mappings.map((mapping) => ({ ...mapping, localPath: resolve(mapping.localPath) })),
    command,
    container,
  }
}

/** A checkout holds the programs as sources; where this file is in a bundle, they are the bundles beside it. */
function programsOf(node: string): Programs {
  const isSource = import.meta.url.endsWith('.ts')
  const at = (source: string, bundled: string) =>
    fileURLToPath(new URL(isSource ? source : `./${basename(bundled)}`, import.meta.url))
  return {
    node,
    sidecar: at('../sidecar/main.ts', IMAGE_SIDECAR),
    wait: at('../sidecar/wait/main.ts', IMAGE_WAIT),
  }
}

function signerDeps({ verbose }: ExecOptions, { now, random, randomUUID, say }: ExecDeps): EmbeddedSignerDeps {
  const write = (line: string) => verbose && say(`signer: ${line.trimEnd()}`)
  return { now, random, randomUUID, log: createLog('info', 'signer', write), writeAudit: write }
}

function rewirePlan(plan: PodPlan, { url, caBundle }: EmbeddedSigner): PodPlan | Refusal {
  const wired: PlannedContainer[] = []
  for (const container of plan.initContainers) {
    const result = rewire(container, { url, caBundle })
    if (isRefusal(result)) return result
    wired.push(result)
  }
  return { ...plan, initContainers: wired }
}

async function keepIdentity(key: ClusterKey, { facts }: ReadyPod, plan: PodPlan, deps: ExecDeps): Promise<() => void> {
  const subject = {
    issuer: LOCAL_CLUSTER_ISSUER,
    facts,
    serviceAccountUid: deps.randomUUID(),
    nodeUid: deps.randomUUID(),
  }
  const onError = (error: unknown) => deps.say(`the identity token stays as it is: ${String(error)}`)
  return keepIdentityToken(key, subject, plan.identity, { ...deps, onError })
}

/** @returns a function that takes it back */
function publishState({ state, issuer }: ExecOptions, signer: EmbeddedSigner, tokensDirectory: string): () => void {
  if (state === undefined) return () => undefined
  const { publicPort, caFile, url } = signer
  const content: State = { issuer, publicPort, caFile, signerUrl: url, tokensDirectory }
  // A script that waits for the file finds all of it.
  writeFileSync(`${state}.new`, `${JSON.stringify(content, null, 2)}\n`)
  renameSync(`${state}.new`, state)
  return () => rmSync(state, { force: true })
}

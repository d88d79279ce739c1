/** What injection costs a pod on a real cluster: its way to Ready, the sidecar's start under limits, memory, requests. */
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundlePrograms } from '../../image/bundle.ts'
import { TOKENS_DIRECTORY } from '../../src/contract.ts'
import { NODE_NAME } from '../../test/cluster/layout.ts'
import { createStep } from '../../test/cluster/steps.ts'
import {
  CHART,
  type Installation,
  NAMESPACE,
  policiesInForce,
  startInstallation,
} from '../../test/cluster/stories/installation.ts'
import { AUDIENCE, namespace, pod, policy, TEAM } from '../../test/cluster/stories/workloads.ts'
import { until } from '../../test/cluster/wait.ts'
import { startChild } from '../../test/demo/child.ts'
import { buildImage } from '../../test/image/build.ts'
import type { Measure, MeasureOptions } from '../measure.ts'
import { median } from '../quantile.ts'

const ROUNDS = 20
const ROUNDS_UNDER_A_LIMIT = 5
/** Of our container's processor time; `none` is what it has by itself. */
const LIMITS = ['none', '100m', '50m'] as const
const MIB = 1024 ** 2
const PODS = 1_000

export const measure: Measure = async (options) => {
  const directory = await mkdtemp(join(tmpdir(), 'token-projector-bench-'))
  const image = join(directory, 'image.tar')
  try {
    await bundlePrograms('dist')
    await buildImage({ archive: image }, createStep(options.say))
    const installation = await startInstallation({ release: { chart: CHART, image } })
    try {
      return { ...(await measured(installation, options)), imageMiB: rounded((await stat(image)).size / MIB) }
    } finally {
      await installation.stop()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function measured(installation: Installation, { say }: MeasureOptions): Promise<object> {
  await installation.apply([
    namespace(TEAM),
    policy('ledger', [AUDIENCE], { from: { namespaces: ['*'], serviceAccounts: ['*'] } }),
  ])
  await policiesInForce(installation, 1)
  const stopwatch = startStopwatch(installation)
  const toReadyMs = await readiness(installation, stopwatch, say)
  const startToTokenMs = await starts(installation, say)
  const memoryMiB = await until('the kubelet has seen every container', () => memory(installation))
  return { toReadyMs, startToTokenMs, memoryMiB, requestedPer1000Pods: await requested(installation) }
}

interface Stopwatch {
  /** Creates the pod and comes back when it is ready. @returns milliseconds, those of kubectl's own start among them */
  toReady(object: ReturnType<typeof pod>): Promise<number>
}

/** One watch for all pods, because a `kubectl wait` for each would be a good part of what it measures; it ends with the cluster. */
function startStopwatch({ cluster }: Installation): Stopwatch {
  const ready = '{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}'
  const watch = ['kubectl', 'get', 'pods', '--namespace', TEAM, '--watch', `--output=jsonpath=${ready}`]
  const child = startChild(cluster.within(watch), cluster.environment)
  return {
    async toReady(object) {
      const startedAt = performance.now()
      const [readyAt] = await Promise.all([
        child.firstLine((line) => (line === `${object.metadata.name} True` ? performance.now() : undefined)),
        cluster.kubectl(['create', '-f', '-'], JSON.stringify(object)),
      ])
      return readyAt - startedAt
    },
  }
}

/** In turn, so that whatever else the machine does befalls both. */
async function readiness(installation: Installation, stopwatch: Stopwatch, say: MeasureOptions['say']) {
  const plain: number[] = []
  const annotated: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    plain.push(await stopwatch.toReady(pod(`plain-${round}`, { annotations: {} })))
    annotated.push(await stopwatch.toReady(pod(`annotated-${round}`)))
    say(`round ${round + 1} of ${ROUNDS}: ${plain.at(-1)?.toFixed(0)} ms, ${annotated.at(-1)?.toFixed(0)} ms`)
    await remove(installation, `plain-${round}`, `annotated-${round}`)
  }
  const [reference, ours] = [median(plain), median(annotated)]
  return { plain: rounded(reference), annotated: rounded(ours), ratio: Math.round((ours / reference) * 100) / 100 }
}

async function remove({ cluster }: Installation, ...names: string[]): Promise<void> {
  await cluster.kubectl(['delete', 'pods', ...names, '--namespace', TEAM, '--grace-period=1'])
}

/** From the start of the sidecar's process to its token's file, by the clocks of the node. */
async function starts(installation: Installation, say: MeasureOptions['say']) {
  const medians: Record<string, number> = {}
  for (const limit of LIMITS) {
    const samples: number[] = []
    for (let round = 0; round < ROUNDS_UNDER_A_LIMIT; round++) {
      const name = `limited-${round}`
      await installation.apply([limited(await injected(installation, name), limit)])
      await installation.ready(TEAM, `pod/${name}`)
      samples.push(Number(await installation.inSidecar(TEAM, name, START_TO_TOKEN)))
      await remove(installation, name)
    }
    medians[limit] = rounded(median(samples))
    say(`from start to token with a limit of ${limit}: ${medians[limit]} ms`)
  }
  return medians
}

/** The pod as it would be stored. */
async function injected({ apply }: Installation, name: string): Promise<ReturnType<typeof pod>> {
  const shown = JSON.parse(await apply([pod(name)], '--dry-run=server', '--output=json'))
  return { ...pod(name), spec: shown.spec }
}

/** Ours never gives itself so little; another webhook may, and what others change in resources stays. */
function limited(object: ReturnType<typeof pod>, cpu: string): object {
  if (cpu === 'none') return object
  const spec = object.spec as unknown as { initContainers: { resources: { limits: object } }[] }
  const initContainers = spec.initContainers.map((ours) => ({
    ...ours,
    resources: { ...ours.resources, limits: { ...ours.resources.limits, cpu } },
  }))
  return { ...object, spec: { ...spec, initContainers } }
}

/** The kernel counts a process's start in hundredths of a second since it was itself started. */
const START_TO_TOKEN = `
const fs = require('node:fs')
const ticks = Number(fs.readFileSync('/proc/1/stat', 'utf8').split(') ')[1].split(' ')[19])
const bootedAt = Date.now() - Number(fs.readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000
fs.statSync('${TOKENS_DIRECTORY}/default').mtimeMs - (bootedAt + ticks * 10)
`

interface ContainerStats {
  name: string
  memory: { workingSetBytes?: number; rssBytes?: number }
}

/** As the kubelet reports it, a median over the containers of a name. @throws Error until it has looked at all */
async function memory(installation: Installation) {
  await installation.apply(Array.from({ length: 5 }, (_, index) => pod(`idle-${index}`)))
  for (let index = 0; index < 5; index++) await installation.ready(TEAM, `pod/idle-${index}`)
  const summary = JSON.parse(
    await installation.cluster.kubectl(['get', `--raw=/api/v1/nodes/${NODE_NAME}/proxy/stats/summary`]),
  )
  const ofInterest = summary.pods.filter(({ podRef }: { podRef: { namespace: string } }) =>
    [NAMESPACE, TEAM].includes(podRef.namespace),
  )
  const containers: ContainerStats[] = ofInterest.flatMap(
    ({ containers }: { containers: ContainerStats[] }) => containers,
  )
  return Object.fromEntries(
    ['token-projector', 'webhook', 'signer'].map((name) => {
      const stats = containers.filter((container) => container.name === name)
      const expected = name === 'token-projector' ? 5 : 2
      const seen = stats.filter((container) => (container.memory.workingSetBytes ?? 0) > MIB)
      if (seen.length < expected) throw new Error(`${seen.length} of ${expected} containers ${name}`)
      const of = (key: 'workingSetBytes' | 'rssBytes') =>
        rounded(median(seen.map((container) => container.memory[key] ?? 0)) / MIB)
      return [name, { workingSet: of('workingSetBytes'), anonymous: of('rssBytes') }]
    }),
  )
}

/** What a scheduler sets aside for sidecars. */
async function requested(installation: Installation) {
  const { spec } = await installation.get(TEAM, 'pod', 'idle-0')
  const { cpu, memory } = spec.initContainers[0].resources.requests
  return {
    cpu: (Number.parseInt(cpu, 10) * PODS) / 1000,
    memoryGiB: rounded((Number.parseInt(memory, 10) * PODS) / 1024),
  }
}

const rounded = (value: number) => Math.round(value * 10) / 10

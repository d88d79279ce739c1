/** Runs the processes of a pod in the kubelet's order and ends them in the reverse one. */
import { EXIT } from '../../contract.ts'
import type { LocalProcess, PlannedContainer, PodPlan } from './plan.ts'
import type { Ending, Output, RunningProcess } from './process.ts'

/** A sidecar that ends is started again after this, then twice this, up to the last. */
const BACKOFF_MS = { first: 1000, last: 30_000 } as const
/** What a sidecar may still take when everything else has ended. */
const SIDECAR_GRACE_MS = 5000

export interface SuperviseDeps {
  start(process: LocalProcess, output: Output, onLine: (line: string) => void): RunningProcess
  /** Resolves after that time or, early, when the signal aborts. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>
  /** One line for the person. */
  say(line: string): void
  /** Every line of a captured process. */
  onLog(container: string, line: string): void
  /** How a single application gets the person's terminal or pipe. */
  appOutput: 'inherit' | 'terminal'
}

export interface Supervisor {
  /**
   * Runs everything and ends it again.
   * @returns the exit code: the first of an application that is not 0, or that of the container that stopped the start
   */
  run(plan: PodPlan): Promise<number>
  /** SIGHUP reaches the sidecars; the others reach what is running in the foreground, and a second one kills it. */
  signal(name: NodeJS.Signals): void
}

/** A start that failed, with the code to end with. */
interface Failure {
  exitCode: number
}

export function createSupervisor(deps: SuperviseDeps): Supervisor {
  const foreground = new Set<RunningProcess>()
  const sidecars: Sidecar[] = []
  const stop = new AbortController()
  let graceMs = 0
  let stopCode = 0

  function begin(process: LocalProcess, output: Output): RunningProcess {
    const running = deps.start(process, output, (line) => deps.onLog(process.container, line))
    foreground.add(running)
    void running.ended.then(() => foreground.delete(running))
    return running
  }

  async function startInit(container: PlannedContainer): Promise<Failure | undefined> {
    const ending = await begin(container, container.isOurs ? 'capture' : 'share').ended
    if (ending.exitCode === EXIT.ok) return undefined
    tell(container, ending)
    return ending
  }

  async function startNative(container: PlannedContainer): Promise<Failure | undefined> {
    const sidecar = startSidecar(container, deps)
    sidecars.push(sidecar)
    if (container.postStart !== undefined) {
      const ending = await waitForHook(sidecar, begin(hookOf(container, container.postStart), 'capture'))
      if (ending !== undefined) {
        tell(container, ending)
        return ending
      }
    }
    sidecar.keep()
    return undefined
  }

  function tell(container: PlannedContainer, { exitCode, lastMessage }: Ending): void {
    if (stop.signal.aborted) return
    const why = lastMessage === undefined ? '' : `: ${lastMessage}`
    deps.say(`container ${container.container} ended with exit code ${exitCode} before the pod was up${why}`)
  }

  async function startAll(plan: PodPlan): Promise<Failure | undefined> {
    for (const container of plan.initContainers) {
      if (stop.signal.aborted) return { exitCode: stopCode }
      const start = container.role === 'native' ? startNative : startInit
      const failure = await start(container)
      if (failure !== undefined) return stop.signal.aborted ? { exitCode: stopCode } : failure
    }
    return stop.signal.aborted ? { exitCode: stopCode } : undefined
  }

  async function runApps({ apps }: PodPlan): Promise<number> {
    const endings = await Promise.all(apps.map((app) => runApp(app, apps.length === 1 ? deps.appOutput : 'share')))
    return endings.find((code) => code !== EXIT.ok) ?? EXIT.ok
  }

  async function runApp(app: PlannedContainer, output: Output): Promise<number> {
    const running = begin(app, output)
    if (app.postStart !== undefined) void runHook(app, app.postStart, running)
    const { exitCode, lastMessage } = await running.ended
    if (lastMessage !== undefined) deps.say(`container ${app.container}: ${lastMessage}`)
    return exitCode
  }

  /** As in a cluster, an application whose hook fails is ended. */
  async function runHook(app: PlannedContainer, command: readonly string[], running: RunningProcess): Promise<void> {
    const { exitCode, lastMessage } = await begin(hookOf(app, command), 'capture').ended
    if (exitCode === EXIT.ok || stop.signal.aborted) return
    deps.say(`container ${app.container}: its postStart hook ended with exit code ${exitCode}: ${lastMessage ?? ''}`)
    running.signal('SIGTERM')
  }

  return {
    async run(plan) {
      graceMs = plan.terminationGraceMs
      try {
        return (await startAll(plan))?.exitCode ?? (await runApps(plan))
      } finally {
        stop.abort()
        for (const sidecar of sidecars.toReversed()) await sidecar.end()
      }
    },
    signal(name) {
      if (name === 'SIGHUP') {
        for (const sidecar of sidecars) sidecar.signal(name)
        return
      }
      if (stop.signal.aborted) return killAll(foreground)
      stopCode = name === 'SIGINT' ? 130 : 143
      for (const running of foreground) running.signal(name)
      stop.abort()
      setTimeout(() => killAll(foreground), graceMs).unref()
    },
  }
}

function killAll(processes: Iterable<RunningProcess>): void {
  for (const running of processes) running.kill()
}

function hookOf(container: PlannedContainer, command: readonly string[]): LocalProcess {
  return { ...container, command }
}

/** A native sidecar: started again when it ends, until it is told to end. */
interface Sidecar {
  current(): RunningProcess
  /** From here on it is started again whenever it ends. */
  keep(): void
  signal(name: NodeJS.Signals): void
  end(): Promise<Ending>
}

function startSidecar(container: PlannedContainer, deps: SuperviseDeps): Sidecar {
  const ending = new AbortController()
  const begin = () => deps.start(container, 'capture', (line) => deps.onLog(container.container, line))
  let running = begin()

  async function restartForever(): Promise<void> {
    for (let delayMs: number = BACKOFF_MS.first; ; delayMs = Math.min(delayMs * 2, BACKOFF_MS.last)) {
      const { exitCode, lastMessage } = await running.ended
      if (ending.signal.aborted) return
      deps.say(
        `container ${container.container} ended with exit code ${exitCode} and is started again: ${lastMessage ?? ''}`,
      )
      await deps.sleep(delayMs, ending.signal)
      if (ending.signal.aborted) return
      running = begin()
    }
  }

  return {
    current: () => running,
    keep: () => void restartForever(),
    signal: (name) => running.signal(name),
    async end() {
      ending.abort()
      running.signal('SIGTERM')
      const timer = setTimeout(() => running.kill(), SIDECAR_GRACE_MS)
      const last = await running.ended
      clearTimeout(timer)
      return last
    },
  }
}

/** How the start failed, or undefined: whichever of the sidecar and its hook ends first decides. */
async function waitForHook(sidecar: Sidecar, hook: RunningProcess): Promise<Ending | undefined> {
  const first = await Promise.race([
    hook.ended.then((ending) => ({ ending, isHook: true })),
    sidecar.current().ended.then((ending) => ({ ending, isHook: false })),
  ])
  if (!first.isHook) {
    hook.kill()
    return { ...first.ending, exitCode: first.ending.exitCode || EXIT.internal }
  }
  if (first.ending.exitCode === EXIT.ok) return undefined
  // The hook only knows that there is no token; why, the sidecar says when it ends.
  const last = await sidecar.end()
  const isTelling = last.exitCode === EXIT.refused || last.exitCode === EXIT.deadline
  return isTelling ? last : { ...first.ending, lastMessage: last.lastMessage ?? first.ending.lastMessage }
}

/** Shows the order in which a pod's processes start and end, with processes that do as they are told. */
import { expect, test } from 'vitest'
import type { PlannedContainer, PodPlan } from '../../../src/cli/exec/plan.ts'
import type { Ending, Output, RunningProcess } from '../../../src/cli/exec/process.ts'
import { createSupervisor } from '../../../src/cli/exec/supervise.ts'

/** What a process does by itself; `stay` runs until it is told to end, `stubborn` until it is killed. */
type Behaviour = number | 'stay' | 'stubborn' | { says: string; exitCode: number } | { onTerm: Ending }

const container = (
  name: string,
  role: PlannedContainer['role'],
  more: Partial<PlannedContainer> = {},
): PlannedContainer => ({
  container: name,
  role,
  isOurs: false,
  command: [name],
  variables: {},
  workingDirectory: undefined,
  mappings: [],
  postStart: undefined,
  ...more,
})

/** Runs the containers; a process is known by the first word of its command. */
function world(behaviours: Record<string, Behaviour | Behaviour[]>) {
  const events: string[] = []
  const said: string[] = []
  const live = new Map<string, (ending: Ending) => void>()
  const outputs: Record<string, Output> = {}

  function start(process: { container: string; command: readonly string[] }, output: Output): RunningProcess {
    const name = process.command[0] ?? ''
    const planned = behaviours[name] ?? 0
    const behaviour = Array.isArray(planned) ? (planned.shift() ?? 'stay') : planned
    events.push(`start ${name}`)
    outputs[name] = output
    let finish: (ending: Ending) => void = () => undefined
    const ended = new Promise<Ending>((resolve) => {
      finish = (ending) => {
        if (!live.delete(name)) return
        events.push(`end ${name}`)
        resolve(ending)
      }
    })
    live.set(name, finish)
    if (typeof behaviour === 'number') finish({ exitCode: behaviour, lastMessage: undefined })
    else if (typeof behaviour === 'object' && 'says' in behaviour) {
      finish({ exitCode: behaviour.exitCode, lastMessage: behaviour.says })
    }
    return {
      container: process.container,
      ended,
      signal(signal) {
        events.push(`${signal} ${name}`)
        const isTold = typeof behaviour === 'object' && 'onTerm' in behaviour
        if (signal !== 'SIGHUP' && behaviour !== 'stubborn')
          finish(isTold ? behaviour.onTerm : { exitCode: 143, lastMessage: undefined })
      },
      kill: () => finish({ exitCode: 137, lastMessage: undefined }),
    }
  }

  const supervisor = createSupervisor({
    start,
    sleep: async (delayMs) => void events.push(`sleep ${delayMs}`),
    say: (line) => said.push(line),
    onLog: () => undefined,
    appOutput: 'inherit',
  })
  const run = (initContainers: PlannedContainer[], apps: PlannedContainer[]) => {
    const identity = { file: '', audience: '', ttlSeconds: 0 }
    const plan: PodPlan = { folders: [], identity, initContainers, apps, terminationGraceMs: 60_000 }
    return supervisor.run(plan)
  }
  return { events, said, outputs, run, signal: supervisor.signal, isLive: (name: string) => live.has(name) }
}

const sidecar = (name = 'sidecar') => container(name, 'native', { isOurs: true, postStart: ['hook'] })

test('init containers run one after the other, sidecars stay beside and end last, in reverse', async () => {
  const { events, run } = world({ sidecar: 'stay', mesh: 'stay' })
  const code = await run([sidecar(), container('init', 'init'), container('mesh', 'native')], [container('app', 'app')])
  expect(code).toBe(0)
  expect(events).toEqual([
    'start sidecar',
    'start hook',
    'end hook',
    'start init',
    'end init',
    'start mesh',
    'start app',
    'end app',
    'SIGTERM mesh',
    'end mesh',
    'SIGTERM sidecar',
    'end sidecar',
  ])
})

test('the exit code is the first of an application, in the pod’s order, that is not 0', async () => {
  const { run } = world({ a: 0, b: 3, c: 4 })
  expect(
    await run(
      [],
      ['a', 'b', 'c'].map((name) => container(name, 'app')),
    ),
  ).toBe(3)
})

test('a single application has the person’s terminal; several share it without the keyboard', async () => {
  const one = world({})
  await one.run([sidecar()], [container('a', 'app')])
  expect(one.outputs).toMatchObject({ a: 'inherit', sidecar: 'capture', hook: 'capture' })
  const two = world({})
  await two.run([], [container('a', 'app'), container('b', 'app')])
  expect(two.outputs).toMatchObject({ a: 'share', b: 'share' })
})

test('a sidecar that is refused ends the start with its code and its last words', async () => {
  const { events, said, run } = world({ sidecar: { says: 'no AudiencePolicy allows it', exitCode: 77 }, hook: 'stay' })
  expect(await run([sidecar()], [container('app', 'app')])).toBe(77)
  expect(said.join()).toContain('no AudiencePolicy allows it')
  expect(events).not.toContain('start app')
  expect(events).toContain('end hook')
})

test('a hook that fails ends the sidecar, which says why', async () => {
  const { said, run, isLive } = world({
    hook: { says: 'not there', exitCode: 75 },
    sidecar: { onTerm: { exitCode: 75, lastMessage: 'the signer does not answer' } },
  })
  expect(await run([sidecar()], [container('app', 'app')])).toBe(75)
  expect(said.join()).toContain('the signer does not answer')
  expect(isLive('sidecar')).toBe(false)
})

test('a hook that fails while the sidecar knows of nothing gives its own code', async () => {
  const { run } = world({ hook: 9, sidecar: { onTerm: { exitCode: 0, lastMessage: 'stopped' } } })
  expect(await run([sidecar()], [container('app', 'app')])).toBe(9)
})

test('a sidecar that ends well before its hook has still not started the pod', async () => {
  const { run } = world({ sidecar: 0, hook: 'stay' })
  expect(await run([sidecar()], [container('app', 'app')])).toBe(70)
})

test('an init container that fails ends the start with its code, and the sidecars with it', async () => {
  const { events, run, isLive } = world({ sidecar: 'stay', init: 5 })
  expect(await run([sidecar(), container('init', 'init')], [container('app', 'app')])).toBe(5)
  expect(events).not.toContain('start app')
  expect(isLive('sidecar')).toBe(false)
})

test('a sidecar that ends beside the application is started again, later each time', async () => {
  const { events, said, run, signal } = world({ sidecar: [1, 1, 'stay'], app: 'stay' })
  const done = run([container('sidecar', 'native')], [container('app', 'app')])
  await expect.poll(() => events.filter((event) => event === 'start sidecar').length).toBe(3)
  expect(events.filter((event) => event.startsWith('sleep'))).toEqual(['sleep 1000', 'sleep 2000'])
  expect(said).toHaveLength(2)
  signal('SIGTERM')
  await done
})

test('SIGTERM is passed to the applications; their answer is the exit code', async () => {
  const { events, run, signal } = world({
    sidecar: 'stay',
    app: { onTerm: { exitCode: 0, lastMessage: undefined } },
  })
  const done = run([sidecar()], [container('app', 'app')])
  await expect.poll(() => events).toContain('start app')
  signal('SIGTERM')
  expect(await done).toBe(0)
  expect(events.slice(-4)).toEqual(['SIGTERM app', 'end app', 'SIGTERM sidecar', 'end sidecar'])
})

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)(
  '%s while the pod starts ends it before any application, and says nothing of a failure',
  async (name, code) => {
    const { events, said, run, signal } = world({ sidecar: 'stay', hook: 'stay' })
    const done = run([sidecar()], [container('app', 'app')])
    await expect.poll(() => events).toContain('start hook')
    signal(name)
    expect(await done).toBe(code)
    expect(events).not.toContain('start app')
    expect(said).toEqual([])
  },
)

test('a signal before anything has started starts nothing', async () => {
  const { events, run, signal } = world({})
  signal('SIGTERM')
  expect(await run([sidecar()], [container('app', 'app')])).toBe(143)
  expect(events).toEqual([])
})

test('a second signal kills what did not heed the first', async () => {
  const { events, run, signal } = world({ app: 'stubborn' })
  const done = run([], [container('app', 'app')])
  await expect.poll(() => events).toContain('start app')
  signal('SIGTERM')
  expect(events.at(-1)).toBe('SIGTERM app')
  signal('SIGTERM')
  expect(await done).toBe(137)
})

test('SIGHUP reaches the sidecars alone', async () => {
  const { events, run, signal } = world({ sidecar: 'stay', app: 'stay' })
  const done = run([sidecar()], [container('app', 'app')])
  await expect.poll(() => events).toContain('start app')
  signal('SIGHUP')
  expect(events.at(-1)).toBe('SIGHUP sidecar')
  signal('SIGTERM')
  await done
})

test('an application whose postStart hook fails is ended', async () => {
  const { events, said, run } = world({ app: 'stay', warm: { says: 'cold', exitCode: 1 } })
  expect(await run([], [container('app', 'app', { postStart: ['warm'] })])).toBe(143)
  expect(events).toContain('SIGTERM app')
  expect(said.join()).toContain('cold')
})

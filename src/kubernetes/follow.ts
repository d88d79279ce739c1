/** Follows an object or a collection of the API server: a reading, then every change, for as long as it takes. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Log } from '../log.ts'
import { isNotFound, type KubernetesClient, KubernetesError, type WatchEvent } from './client.ts'
import { describeTarget, type KubernetesObject, objectPath, type Target } from './object.ts'

/** A watch that ends is opened again soon, though not by all replicas at once. */
const AGAIN_MS = 200
const BACKOFF_BASE_MS = 500
/** The API server comes back while pods wait for us. */
const BACKOFF_CAP_MS = 10_000

export interface FollowDeps {
  client: KubernetesClient
  log: Log
  /** Uniform in [0, 1). */
  random(): number
}

export interface Following {
  /** Why nothing was read yet, or undefined. */
  unready(): string | undefined
  close(): Promise<void>
}

/**
 * Calls back with every object of `target` after the first reading and after each change, never twice for the same.
 * Failures are logged and tried again, for ever; what was read last counts until then.
 * A named object needs only `get` and `watch` by its name; a collection needs `list` and `watch`.
 */
export function follow(
  target: Target,
  onChange: (objects: readonly KubernetesObject[]) => void,
  deps: FollowDeps,
): Following {
  const called = describeTarget(target)
  let problem: string | undefined = `${called} is not read yet`
  let failures = 0
  let closed = false
  let current = new AbortController()
  const state = createState((objects) => {
    problem = undefined
    onChange(objects)
  })
  const round = target.name === undefined ? followAll(target.collection) : followOne(target.collection, target.name)
  const ended = run()

  async function run(): Promise<void> {
    while (!closed) {
      current = new AbortController()
      try {
        await round(state, deps.client, current, () => {
          failures = 0
        })
        await pause(AGAIN_MS * deps.random())
      } catch (error) {
        if (closed) return
        failures += 1
        const reason = error instanceof Error ? error.message : String(error)
        if (problem !== undefined) problem = `${called} cannot be read: ${reason}`
        deps.log.warn({ err: error, failures }, `${called} cannot be followed; what was read last stays`)
        await pause(backoffMs(failures, deps.random()))
      }
    }
  }

  async function pause(delayMs: number): Promise<void> {
    await wait(delayMs, undefined, { signal: current.signal }).catch(() => undefined)
  }

  return {
    unready: () => problem,
    async close() {
      closed = true
      current.abort()
      await ended
    },
  }
}

function backoffMs(failures: number, random: number): number {
  return random * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** (failures - 1))
}

interface State {
  replace(objects: readonly KubernetesObject[]): void
  apply(event: WatchEvent): void
}

/** One watch from its opening to its end. @param alive is called when the API server has taken the watch */
type Round = (state: State, client: KubernetesClient, ending: AbortController, alive: () => void) => Promise<void>

/** Calls `emit` when an object came, went or has another version. */
function createState(emit: (objects: readonly KubernetesObject[]) => void): State {
  let objects = new Map<string, KubernetesObject>()
  let emitted: string | undefined

  function tell(): void {
    const sorted = [...objects.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    const versions = sorted.map(({ metadata }) => `${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`).join()
    if (versions === emitted) return
    emitted = versions
    emit(sorted)
  }
  return {
    replace(read) {
      objects = new Map(read.map((object) => [object.metadata.name, object]))
      tell()
    },
    apply({ type, object }) {
      if (type === 'BOOKMARK') return
      if (type === 'DELETED') objects.delete(object.metadata.name)
      else objects.set(object.metadata.name, object)
      tell()
    },
  }
}

/**
 * One object, without `list`: the watch is opened first and the object read after that, so that nothing between the two
 * is missed. Watch events are held back until the reading, which is older than some of them.
 */
function followOne(collection: string, name: string): Round {
  const path = objectPath(collection, name)
  const query = { fieldSelector: `metadata.name=${name}` }
  return async (state, client, ending, alive) => {
    let held: WatchEvent[] | undefined = []
    let reading: Promise<void> | undefined
    async function read(): Promise<void> {
      state.replace(await readOne(client, path))
      const events = held ?? []
      held = undefined
      for (const event of events) state.apply(event)
      alive()
    }
    const listener = {
      opened() {
        reading = read()
        reading.catch(() => ending.abort())
      },
      event(event: WatchEvent) {
        if (held === undefined) state.apply(event)
        else held.push(event)
      },
    }
    await client.watch(collection, query, listener, ending.signal)
    await reading
  }
}

async function readOne(client: KubernetesClient, path: string): Promise<KubernetesObject[]> {
  try {
    return [await client.get(path)]
  } catch (error) {
    if (isNotFound(error)) return []
    throw error
  }
}

/** A collection: listed once, then watched from the version that was seen last. */
function followAll(collection: string): Round {
  let version: string | undefined
  return async (state, client, ending, alive) => {
    if (version === undefined) {
      const list = await client.get<{ items: KubernetesObject[]; metadata: { resourceVersion: string } }>(collection)
      version = list.metadata.resourceVersion
      state.replace(list.items)
    }
    const listener = {
      opened: alive,
      event(event: WatchEvent) {
        version = event.object.metadata.resourceVersion
        state.apply(event)
      },
    }
    const query = { resourceVersion: version, allowWatchBookmarks: 'true' }
    try {
      await client.watch(collection, query, listener, ending.signal)
    } catch (error) {
      if (!(error instanceof KubernetesError && error.status === 410)) throw error
      // The API server has forgotten that version.
      version = undefined
    }
  }
}

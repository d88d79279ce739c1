/** Keeps a bundle of roots published in an object of the cluster, whoever takes it away. */
import { setTimeout as wait } from 'node:timers/promises'
import { isConflict, isNotFound, type KubernetesClient } from '../kubernetes/client.ts'
import { type FollowDeps, follow } from '../kubernetes/follow.ts'
import {
  configMaps,
  configMapText,
  describeTarget,
  type KubernetesObject,
  objectPath,
  type Target,
  withConfigMapText,
} from '../kubernetes/object.ts'

/** The key of a ConfigMap that holds roots. */
export const BUNDLE_KEY = 'ca.crt'

/** Where in which object a bundle stands. */
export interface Place {
  target: Required<Target>
  /** The bundles that stand there now, PEM, one for each time the object says it; '' where it says none. */
  read(object: KubernetesObject): readonly string[]
  /** Must fail with a conflict when `object` is no longer the newest. */
  write(client: KubernetesClient, object: KubernetesObject, bundle: string): Promise<unknown>
}

export interface Publication {
  /** The object, as a person calls it. */
  called: string
  /** What stood there last, PEM; '' when nothing did; undefined until it was read. */
  published(): string | undefined
  /** From now on this stands there. */
  publish(bundle: string): void
  /** Calls back whenever the object was read. */
  onRead(callback: () => void): void
  /** Why nobody who reads the object can know our root yet, or undefined. */
  unready(): string | undefined
  close(): Promise<void>
}

/** The key `ca.crt` of a ConfigMap that the chart creates empty. */
export function configMapPlace(namespace: string, name: string): Place {
  const target = { collection: configMaps(namespace), name }
  return {
    target,
    read: (object) => [configMapText(object, BUNDLE_KEY) ?? ''],
    write: (client, object, bundle) =>
      client.replace(objectPath(target.collection, name), withConfigMapText(object, BUNDLE_KEY, bundle)),
  }
}

/** Long enough for another replica's write to arrive, short enough that a wiped bundle is back within a second. */
const SETTLE_MS = { least: 20, more: 200 } as const
const AGAIN_MS = 2000

/** Follows `place` and writes there whenever it says something else than what is to be published; never when equal. */
export function keepPublished(place: Place, deps: FollowDeps): Publication {
  const called = describeTarget(place.target)
  const listeners: (() => void)[] = []
  const ending = new AbortController()
  let object: KubernetesObject | undefined
  let wasRead = false
  let wanted: string | undefined
  let stood = false
  let settling: Promise<void> | undefined

  const isEqual = () => object !== undefined && place.read(object).every((bundle) => bundle === wanted)
  const following = follow(
    place.target,
    ([read]) => {
      if (read === undefined) deps.log.error(`${called} does not exist; install the chart again, which creates it`)
      object = read
      wasRead = true
      for (const callback of listeners) callback()
      look()
    },
    deps,
  )

  function look(): void {
    if (wanted === undefined || object === undefined) return
    if (isEqual()) stood = true
    else settling ??= settle()
  }

  async function settle(): Promise<void> {
    await pause(SETTLE_MS.least + SETTLE_MS.more * deps.random())
    const [read, bundle] = [object, wanted]
    while (read !== undefined && bundle !== undefined && !isEqual() && !ending.signal.aborted) {
      if (await write(read, bundle)) break
      await pause(AGAIN_MS * (0.5 + deps.random()))
      if (object !== read || wanted !== bundle) break
    }
    settling = undefined
    if (object !== read || wanted !== bundle) look()
  }

  /** @returns whether an event is to follow: of this write, or of the one that was first */
  async function write(read: KubernetesObject, bundle: string): Promise<boolean> {
    try {
      await place.write(deps.client, read, bundle)
      stood = true
      deps.log.info(`roots published in ${called}`)
      return true
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return true
      deps.log.error({ err: error }, `the roots cannot be published in ${called}`)
      return false
    }
  }

  async function pause(delayMs: number): Promise<void> {
    await wait(delayMs, undefined, { signal: ending.signal }).catch(() => undefined)
  }

  return {
    called,
    published: () => (wasRead ? ((object && place.read(object).find((bundle) => bundle !== '')) ?? '') : undefined),
    publish(bundle) {
      wanted = bundle
      look()
    },
    onRead: (callback) => void listeners.push(callback),
    unready() {
      if (stood || (wasRead && object === undefined)) return undefined
      return following.unready() ?? `${called} does not hold our root yet`
    },
    async close() {
      ending.abort()
      await Promise.all([following.close(), settling])
    },
  }
}

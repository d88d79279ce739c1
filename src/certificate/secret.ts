/** Keeps a service's CA and leaf in a Secret that its replicas share: made, renewed, put back, and served. */
import { setTimeout as wait } from 'node:timers/promises'
import { isConflict, isNotFound } from '../kubernetes/client.ts'
import { type FollowDeps, follow } from '../kubernetes/follow.ts'
import {
  describeTarget,
  type KubernetesObject,
  objectPath,
  secretData,
  secrets,
  withSecretData,
} from '../kubernetes/object.ts'
import { bundleIn, inspect, pairIn, type SecretContent } from './inspect.ts'
import { lookAgainMs, type Plan, plan } from './plan.ts'
import type { Publication } from './publish.ts'
import { carryOut } from './renew.ts'
import type { TlsPair, TlsSource } from './source.ts'

export interface SecretTlsOptions {
  namespace: string
  /** The Secret's name; the chart creates it empty. */
  name: string
  /** DNS names of the leaf. */
  names: readonly string[]
  /** What the root is called. */
  commonName: string
  /** See `Situation` in plan.ts. */
  whenLost: 'remake' | 'ask'
}

export interface SecretTlsDeps extends FollowDeps {
  /** Unix milliseconds. */
  now(): number
}

/** After a failure that nobody else's write explains. */
const AGAIN_MS = 5000

/**
 * Follows the Secret and does what `plan` says, with the version that was read: of replicas that write at once one wins,
 * and the others take what it wrote. Nothing throws: what is missing is told by `unready` and in the log.
 * @param publication where the root is published, and so the record that there was one; it is closed with the source
 */
export function ownTls(options: SecretTlsOptions, publication: Publication, deps: SecretTlsDeps): TlsSource {
  const { log, now } = deps
  const target = { collection: secrets(options.namespace), name: options.name }
  const called = describeTarget(target)
  const listeners: ((pair: TlsPair) => void)[] = []
  let timer = new AbortController()
  let isClosed = false
  let secret: KubernetesObject | undefined
  /** The last content with a usable root: what is put back. */
  let held: SecretContent | undefined
  let pair: TlsPair | undefined
  let problem: string | undefined
  let working: Promise<void> = Promise.resolve()

  const following = follow(
    target,
    ([read]) => {
      secret = read
      look()
    },
    deps,
  )
  publication.onRead(() => {
    if (held === undefined) look()
  })

  /** One look at a time, each at the newest reading. */
  function look(): void {
    working = working.then(lookOnce).catch((error) => {
      report(`${called} cannot be written`, error)
      lookIn(AGAIN_MS)
    })
  }

  async function lookOnce(): Promise<void> {
    if (isClosed || following.unready() !== undefined) return
    timer.abort()
    if (secret === undefined) return report(`${called} does not exist; install the chart again, which creates it empty`)
    const content = secretData(secret)
    const holding = inspect(content)
    if (holding.root === undefined && held !== undefined) return putBack(secret, held)
    take(content, holding.root !== undefined)
    const published = publication.published()
    const recorded = published === undefined ? undefined : published !== ''
    const next = plan({ ...options, holding, recorded, now: now() })
    if (next.step === 'keep') return rest(next.until)
    if (next.step === 'wait') return explain(next)
    const owner = { ...options, now: new Date(now()), published: published ?? '' }
    if (await write(secret, await carryOut(next, content, owner))) log.info(`${called}: ${describeChange(next)}`)
  }

  function take(content: SecretContent, hasRoot: boolean): void {
    if (hasRoot) {
      held = content
      publication.publish(bundleIn(content))
    }
    const next = pairIn(content)
    if (next === undefined || (next.cert === pair?.cert && next.key === pair.key)) return
    pair = next
    for (const apply of listeners) apply(next)
    log.info(`the certificate of ${called} is in force`)
  }

  async function putBack(read: KubernetesObject, content: SecretContent): Promise<void> {
    if (await write(read, content)) log.warn(`${called}: its CA was taken away and is put back`)
  }

  /**
   * Success arrives as an event of the watch, and so does what somebody else wrote first.
   * @returns whether this write was first
   */
  async function write(read: KubernetesObject, content: SecretContent): Promise<boolean> {
    try {
      await deps.client.replace(objectPath(target.collection, target.name), withSecretData(read, content))
      return true
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error
      log.info(`${called}: another replica was first`)
      return false
    }
  }

  function rest(until: number): void {
    problem = undefined
    lookIn(lookAgainMs(until, now(), deps.random()))
  }

  function lookIn(delayMs: number): void {
    timer.abort()
    timer = new AbortController()
    wait(delayMs, undefined, { signal: timer.signal, ref: false }).then(look, () => undefined)
  }

  function explain({ because }: Plan & { step: 'wait' }): void {
    if (because === 'the root is lost') report(lostMessage(called, publication.called))
    else problem = publication.unready()
  }

  function report(sentence: string, error?: unknown): void {
    if (sentence !== problem || error !== undefined) log.error(error === undefined ? {} : { err: error }, sentence)
    problem = sentence
  }

  return {
    current: () => pair,
    unready() {
      if (pair === undefined) return following.unready() ?? problem ?? `the certificate of ${called} is being made`
      // A leaf whose root is lost serves for as long as it lives.
      return held === undefined ? undefined : publication.unready()
    },
    onChange: (apply) => void listeners.push(apply),
    async close() {
      isClosed = true
      timer.abort()
      await Promise.all([following.close(), publication.close(), working])
    },
  }
}

function describeChange(change: Plan): string {
  switch (change.step) {
    case 'make-root':
      return `${change.because}: a CA and a certificate were made`
    case 'renew-root':
      return 'the CA was renewed; the old one stays published until its last certificate has ended'
    case 'renew-leaf':
      return `the certificate was renewed (${change.because})`
    default:
      return 'the old CA is no longer published'
  }
}

function lostMessage(secret: string, record: string): string {
  return `${secret} holds no usable CA although ${record} says that there was one; restore the Secret from a copy. If the CA is lost for good, remove everything from the Secret and ca.crt from the ConfigMap: a new CA is made then, and every pod with a sidecar must be restarted, because it trusts the old one alone`
}

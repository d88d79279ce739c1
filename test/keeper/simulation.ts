/** A world for the keeper whose time passes only when told, with a folder in memory and a signer that does as scripted. */
import type { KeptToken } from '../../src/keeper/attempt.ts'
import { type Keeper, type KeeperDeps, type Report, startKeeper } from '../../src/keeper/loop.ts'
import type { Outcome } from '../../src/keeper/outcome.ts'
import type { FoundFile } from '../../src/keeper/token-file.ts'

const START = 1_800_000_000_000

export interface Call {
  /** Seconds since the simulation began, by the clock that nobody sets. */
  at: number
  audience: string
  identity: string
}

type Behaviour = (audience: string, call: number) => Outcome | Promise<Outcome>

export interface World {
  calls: Call[]
  reports: Report[]
  folder: Map<string, FoundFile>
  identity: string
  /** What the signer does from now on. */
  signer: Behaviour
  /** What writing does before it succeeds; may throw. */
  beforeWrite(name: string): void
  prepare(): void
  random(): number
  start(tokens: readonly (string | KeptToken)[]): Keeper
  stop: AbortController
  /** Lets time pass. */
  pass(seconds: number): Promise<void>
  /** Sets the wall clock, as NTP or a person does. */
  setWall(bySeconds: number): void
  /** The wall clock goes on while the monotonic one stands still. */
  sleepMachine(seconds: number): void
  now(): number
  later(seconds: number): Promise<void>
}

export function createWorld(): World {
  let monotonic = 5_000_000
  let wall = START
  let timers: { at: number; fire: () => void }[] = []
  const begin = monotonic

  function setTimer(delayMs: number, fire: () => void): () => void {
    const timer = { at: monotonic + delayMs, fire }
    timers.push(timer)
    return () => {
      timers = timers.filter((one) => one !== timer)
    }
  }

  function go(toMs: number): void {
    wall += toMs - monotonic
    monotonic = toMs
  }

  const world: World = {
    calls: [],
    reports: [],
    folder: new Map(),
    identity: 'identity-1',
    signer: (audience) => issued(audience),
    beforeWrite: () => undefined,
    prepare: () => undefined,
    random: () => 0.5,
    stop: new AbortController(),
    now: () => wall,
    start(tokens) {
      const kept = tokens.map((one) => (typeof one === 'string' ? { name: one, audience: one, ttlSeconds: 3600 } : one))
      return startKeeper(kept, deps, world.stop.signal)
    },
    async pass(seconds) {
      const end = monotonic + seconds * 1000
      await settle()
      for (let next = earliest(timers, end); next !== undefined; next = earliest(timers, end)) {
        const due = next
        timers = timers.filter((one) => one !== due)
        go(Math.max(due.at, monotonic))
        due.fire()
        await settle()
      }
      go(end)
    },
    setWall(bySeconds) {
      wall += bySeconds * 1000
    },
    sleepMachine(seconds) {
      wall += seconds * 1000
    },
    later: (seconds) => new Promise((resolve) => void setTimer(seconds * 1000, resolve)),
  }

  const deps: KeeperDeps = {
    now: () => wall,
    monotonic: () => monotonic,
    random: () => world.random(),
    setTimer,
    prepare: () => world.prepare(),
    readIdentityToken: () => world.identity,
    async exchange({ audience }, identity) {
      world.calls.push({ at: (monotonic - begin) / 1000, audience, identity })
      return world.signer(audience, world.calls.length)
    },
    findFile: (name) => world.folder.get(name),
    replaceFile(name, text) {
      world.beforeWrite(name)
      world.folder.set(name, { text, writtenAt: wall })
    },
    report: (report) => world.reports.push(report),
  }
  return world
}

/** What a signer that says yes comes to; the text is no real token, for the loop does not look at it. */
export function issued(audience: string, options: { lifeSeconds?: number; generation?: number } = {}): Outcome {
  const expiresInSeconds = options.lifeSeconds ?? 3600
  const expiresAt = START / 1000 + expiresInSeconds
  return { token: `token for ${audience}`, jti: 'j', expiresAt, expiresInSeconds, generation: options.generation }
}

export const down: Outcome = { failed: 'signer-unreachable', message: 'signer: connection refused', refused: false }
export const no: Outcome = { failed: 'signer-refused', message: 'signer refused: invalid_target', refused: true }

function earliest(timers: readonly { at: number; fire: () => void }[], end: number) {
  const due = timers.filter((timer) => timer.at <= end)
  return due.reduce<(typeof due)[number] | undefined>(
    (best, one) => (best && best.at <= one.at ? best : one),
    undefined,
  )
}

/** Lets every promise that can go on do so. */
function settle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}

/** Decides what a service does with the CA and leaf in its Secret. Pure. */

const DAY_MS = 86_400_000
/** A leaf that is renewed at two thirds of thirty days leaves ten for whoever has to mend a renewal that fails. */
const LEAF_DUE_AT = 2 / 3
/** A root has a year left of its ten when its successor is made. */
const ROOT_DUE_AT = 9 / 10
/** After this, no leaf of an old root is alive: thirty days, and one for clocks that disagree. */
const LAST_LEAF_MS = 31 * DAY_MS

/** When a certificate is good, in Unix milliseconds. */
export interface Validity {
  notBefore: number
  notAfter: number
}

/** What a Secret holds, as far as it is usable. */
export interface Holding {
  /** Nothing at all, as the chart makes it. */
  isEmpty: boolean
  /** There is one that its key belongs to. */
  root?: Validity
  /** There is one that its key belongs to and that `root` signed. */
  leaf?: Validity & { names: readonly string[] }
  /** The root before this one, still published. */
  previous?: Validity
}

export interface Situation {
  holding: Holding
  /** DNS names that the leaf must be good for. */
  names: readonly string[]
  /** Whether the public record says that there was a root; undefined while the record is not read. */
  recorded: boolean | undefined
  /**
   * What a lost root means: `remake` where whoever trusts it learns of a new one at once, `ask` where running pods
   * trust the old one alone.
   */
  whenLost: 'remake' | 'ask'
  now: number
}

export type Plan =
  /** A first root, or one in place of a lost one, and its leaf. */
  | { step: 'make-root'; because: 'first start' | 'the root is lost' }
  /** A root that the old one vouches for, and its leaf. */
  | { step: 'renew-root' }
  | { step: 'renew-leaf'; names: readonly string[]; because: 'absent' | 'due' | 'other names' }
  | { step: 'forget-previous' }
  /** Nothing until then, Unix milliseconds. */
  | { step: 'keep'; until: number }
  | { step: 'wait'; because: 'the record is not read' | 'the root is lost' }

export function plan({ holding, names, recorded, whenLost, now }: Situation): Plan {
  const { root, leaf, previous } = holding
  if (root === undefined) return planRoot(holding, recorded, whenLost)
  if (now >= rootDueAt(root)) return { step: 'renew-root' }
  if (leaf === undefined) return { step: 'renew-leaf', names, because: 'absent' }
  if (now >= leafDueAt(leaf)) return { step: 'renew-leaf', names, because: 'due' }
  if (names.some((name) => !leaf.names.includes(name))) {
    // Replicas of two versions may want different names: the union contents both, and falls away with the next renewal.
    return { step: 'renew-leaf', names: [...new Set([...names, ...leaf.names])], because: 'other names' }
  }
  const forgetAt = previous === undefined ? Number.POSITIVE_INFINITY : forgetPreviousAt(root, previous)
  if (now >= forgetAt) return { step: 'forget-previous' }
  return { step: 'keep', until: Math.min(rootDueAt(root), leafDueAt(leaf), forgetAt) }
}

function planRoot({ isEmpty }: Holding, recorded: boolean | undefined, whenLost: 'remake' | 'ask'): Plan {
  if (isEmpty && recorded === undefined) return { step: 'wait', because: 'the record is not read' }
  if (isEmpty && recorded === false) return { step: 'make-root', because: 'first start' }
  if (whenLost === 'remake') return { step: 'make-root', because: 'the root is lost' }
  return { step: 'wait', because: 'the root is lost' }
}

function leafDueAt({ notBefore, notAfter }: Validity): number {
  return notBefore + (notAfter - notBefore) * LEAF_DUE_AT
}

function rootDueAt({ notBefore, notAfter }: Validity): number {
  return notBefore + (notAfter - notBefore) * ROOT_DUE_AT
}

function forgetPreviousAt(root: Validity, previous: Validity): number {
  return Math.min(previous.notAfter, root.notBefore + LAST_LEAF_MS)
}

/** A clock that was set, or a machine that slept, is noticed after this long. */
const LOOK_AGAIN_MS = 6 * 3_600_000
/** Replicas do not renew at once: the first one does it, the others find it done. */
const SPREAD_MS = 600_000

/** From now until a plan is made again. @param random uniform in [0, 1) */
export function lookAgainMs(until: number, now: number, random: number): number {
  return Math.min(Math.max(until - now, 0), LOOK_AGAIN_MS) + random * SPREAD_MS
}

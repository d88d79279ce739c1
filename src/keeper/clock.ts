/** A clock for deadlines that never goes back and counts the time that the machine slept. Pure. */

/** Wall and monotonic clock drift apart by less than this unless somebody set one or the machine slept. */
const LEAP_MS = 5000

/** Milliseconds that begin at the wall clock's and then only grow. */
export interface KeeperClock {
  now(): number
  /**
   * Compares the clocks.
   * @returns by how many milliseconds the wall clock leapt since the last leap, or 0
   */
  leap(): number
}

/**
 * A leap forward moves this clock too, because it may have been sleep in which tokens aged; a leap back does not,
 * because tokens do not grow younger. Whichever was meant, no token is taken for younger than it is.
 */
export function createClock(wall: () => number, monotonic: () => number): KeeperClock {
  let apart = wall() - monotonic()
  let added = apart
  return {
    now: () => monotonic() + added,
    leap() {
      const by = wall() - monotonic() - apart
      if (Math.abs(by) <= LEAP_MS) return 0
      apart += by
      if (by > 0) added += by
      return by
    },
  }
}

/** Tells what is being done and how long it took, so that nobody wonders whether it hangs. */

/** Does the work and tells of it; what the work throws passes through. */
export type Step = <T>(name: string, work: () => Promise<T>) => Promise<T>

const HEARTBEAT_MS = 30_000

export function createStep(write: (line: string) => void): Step {
  return async (name, work) => {
    const startedAt = performance.now()
    const elapsed = () => `${((performance.now() - startedAt) / 1000).toFixed(1).padStart(7)} s`
    const heartbeat = setInterval(() => write(`${elapsed()}  … ${name}\n`), HEARTBEAT_MS)
    try {
      const result = await work()
      write(`${elapsed()}  ${name}\n`)
      return result
    } catch (error) {
      write(`${elapsed()}  FAILED: ${name}\n`)
      throw error
    } finally {
      clearInterval(heartbeat)
    }
  }
}

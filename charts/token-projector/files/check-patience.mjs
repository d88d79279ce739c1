// Stands before each check: a Service that was made a moment ago does not lead to its pods from every node yet.
import { setTimeout as sleep } from 'node:timers/promises'

const givesUpAt = Date.now() + Number(process.env.PATIENCE_SECONDS) * 1000

// biome-ignore lint/correctness/noUnusedVariables: the check that follows calls it
async function patiently(ask) {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (error.code !== 'ECONNREFUSED' || Date.now() > givesUpAt) throw error
      await sleep(250)
    }
  }
}

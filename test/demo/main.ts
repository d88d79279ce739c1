/** `make demo`: sets the stage, plays, clears it away; `--break policy|key|audience` shows that a broken part is noticed. */
import { parseArgs } from 'node:util'
import { createNarrator } from './narrator.ts'
import { play } from './play.ts'
import { setStage } from './stage.ts'

const root = new URL('../..', import.meta.url).pathname
const { values } = parseArgs({ options: { break: { type: 'string' } } })
const broken = (['policy', 'key', 'audience'] as const).find((part) => part === values.break)
if (values.break !== undefined && broken === undefined) {
  process.stderr.write('--break takes policy, key or audience\n')
  process.exit(64)
}

const narrator = createNarrator(process.stdout, process.stdout.isTTY === true && process.env.NO_COLOR === undefined)
const cleanup = new AsyncDisposableStack()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cleanup.disposeAsync().then(() => process.exit(1)))
}
try {
  const stage = await setStage(root, broken === 'policy')
  cleanup.defer(() => stage.remove())
  const { execPath: node, env } = process
  const arn = await play({ root, node, path: env.PATH ?? '', stage, narrator, broken }, cleanup)
  narrator.done(`signed in as ${arn}`)
} catch (error) {
  narrator.failed(`failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  await cleanup.disposeAsync()
}

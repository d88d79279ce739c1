/** The one door to chokidar: watches a directory and calls back when anything directly in it may have changed. */
import { realpath } from 'node:fs/promises'
import { watch } from 'chokidar'
import type { Log } from './log.ts'

/** The kubelet replaces `..data` and then removes the old folder; one reading after the dust has settled is enough. */
const SETTLE_MS = 100
/** Without events, because the system is out of watches or the path leads elsewhere by now, a change waits this long. */
const READ_ANYWAY_MS = 60_000

/**
 * Watches the directory, not its files: the kubelet swaps symlinks, editors rename, and both kill a file's watch.
 * Events are hints; `onChange` re-reads, compares, and is called once a minute all the same. Resolves when the watch stands.
 * @returns a function that ends the watch
 */
export async function watchDirectory(directory: string, onChange: () => void, log: Log): Promise<() => Promise<void>> {
  // A link as such never changes; what it leads to does.
  const target = await realpath(directory).catch(() => directory)
  const watcher = watch(target, { depth: 0, ignoreInitial: true, followSymlinks: false })
  let timer: NodeJS.Timeout | undefined
  const anyway = setInterval(onChange, READ_ANYWAY_MS)
  watcher.on('all', () => {
    clearTimeout(timer)
    timer = setTimeout(onChange, SETTLE_MS)
  })
  watcher.on('error', (error) => {
    const every = READ_ANYWAY_MS / 1000
    log.warn(
      { err: error, directory },
      `the directory cannot be watched and is read every ${every} s; check fs.inotify limits`,
    )
    onChange()
  })
  await new Promise<void>((resolve) => {
    watcher.once('ready', resolve)
    watcher.once('error', () => resolve())
  })
  return async () => {
    clearTimeout(timer)
    clearInterval(anyway)
    await watcher.close()
  }
}

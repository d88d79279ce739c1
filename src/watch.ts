/** The one door to chokidar: watches a directory and calls back when anything directly in it changed. */
import { watch } from 'chokidar'

/** The kubelet replaces `..data` and then removes the old folder; one reading after the dust has settled is enough. */
const SETTLE_MS = 100

/**
 * Watches the directory, not its files: the kubelet swaps symlinks, editors rename, and both kill a file's watch.
 * Events are hints; the callback re-reads and compares. Resolves when the watch stands.
 * @returns a function that ends the watch
 */
export async function watchDirectory(directory: string, onChange: () => void): Promise<() => Promise<void>> {
  const watcher = watch(directory, { depth: 0, ignoreInitial: true, followSymlinks: false })
  let timer: NodeJS.Timeout | undefined
  watcher.on('all', () => {
    clearTimeout(timer)
    timer = setTimeout(onChange, SETTLE_MS)
  })
  watcher.on('error', onChange)
  await new Promise<void>((resolve) => watcher.once('ready', resolve))
  return async () => {
    clearTimeout(timer)
    await watcher.close()
  }
}

/** Writes what must survive a crash: the bytes and then the name reach the disk before anyone relies on them. */
import { open } from 'node:fs/promises'

/** Creates `path`, which must not exist, with exactly `mode` less the process's umask. */
export async function writeDurably(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes the names in `directory` as durable as the files. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

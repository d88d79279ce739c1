/** Makes the private folder of one run, which holds its tokens and keys, and removes it. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface PrivateFolder {
  /** Absolute. */
  path: string
  /** Makes a folder below; readable by this user alone. */
  make(...names: string[]): string
  remove(): void
}

/**
 * @param runtimeDirectory `XDG_RUNTIME_DIR`: in memory and private to the user where a system has it; else the system's
 *   folder for temporary files
 */
export function createPrivateFolder(runtimeDirectory: string | undefined): PrivateFolder {
  // mkdtemp(3) makes it 0700.
  const path = mkdtempSync(join(runtimeDirectory || tmpdir(), 'token-projector-'))
  return {
    path,
    make(...names) {
      const folder = join(path, ...names)
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      return folder
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

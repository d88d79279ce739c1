/** Builds an image from a Dockerfile with buildah, in a storage of its own that is gone afterwards. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type RunOptions, run } from '../cluster/command.ts'

export interface Buildah {
  /** Makes an image of a folder's files and nothing else, for `COPY --from` and `FROM`. */
  fromFolder(folder: string, name: string): Promise<void>
  /** @param values of the Dockerfile's ARGs */
  build(context: string, name: string, values: Record<string, string>): Promise<void>
  /** @param reference the name that a node knows the image by */
  save(name: string, archive: string, reference: string): Promise<void>
}

const COPY_ALL = 'FROM scratch\nCOPY . /\n'
const TIMEOUT_MS = 300_000

/** @param storage a folder that buildah may fill */
export function createBuildah(storage: string, architecture: string): Buildah {
  const settings: RunOptions = {
    // Nothing is run while an image is built, so the weakest isolation is as good as any; it needs the fewest rights.
    environment: { BUILDAH_ISOLATION: 'chroot', XDG_RUNTIME_DIR: storage },
    timeoutMs: TIMEOUT_MS,
  }
  const own = ['--root', join(storage, 'root'), '--runroot', join(storage, 'run'), '--storage-driver', 'vfs']
  const buildah = (args: readonly string[]) => run(['buildah', ...own, ...args], settings)
  // Without a date in it, the same files make the same image.
  const build = ['build', '--format', 'oci', '--timestamp', '0', '--pull-never', '--arch', architecture]
  return {
    fromFolder: async (folder, name) => {
      const file = join(storage, 'Containerfile')
      await writeFile(file, COPY_ALL)
      await buildah([...build, '--tag', name, '--file', file, folder])
    },
    build: async (context, name, values) => {
      const args = Object.entries(values).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`])
      await buildah([...build, ...args, '--tag', name, '--file', join(context, 'Dockerfile'), context])
    },
    save: async (name, archive, reference) =>
      void (await buildah(['push', '--disable-compression', name, `oci-archive:${archive}:${reference}`])),
  }
}

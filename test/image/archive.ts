/** Reads an OCI archive: its configuration, and its layers as one folder. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../cluster/command.ts'

export interface Archive {
  /** Of the manifest: what a registry would call the image by. */
  digest: string
  /** The name that the archive gives the image. */
  reference: string
  architecture: string
  config: { User?: string; Env?: string[]; Entrypoint?: string[]; Cmd?: string[]; Labels?: Record<string, string> }
  /** Sums of all layers. */
  compressedBytes: number
  /** The folder that a container would see as its root. */
  root: string
}

/** @param directory an empty folder to unpack it in */
export async function readArchive(archive: string, directory: string): Promise<Archive> {
  const layout = join(directory, 'layout')
  const root = join(directory, 'root')
  await Promise.all([mkdir(layout), mkdir(root)])
  await run(['tar', '--extract', '--file', archive, '--directory', layout])
  const blob = (digest: string) => join(layout, 'blobs', digest.replace(':', '/'))
  const json = async (path: string) => JSON.parse(await readFile(path, 'utf8'))
  const [{ digest, annotations }] = (await json(join(layout, 'index.json'))).manifests
  const manifest: { config: { digest: string }; layers: { digest: string; size: number }[] } = await json(blob(digest))
  for (const layer of manifest.layers) {
    await run(['tar', '--extract', '--preserve-permissions', '--file', blob(layer.digest), '--directory', root])
  }
  const { architecture, config } = await json(blob(manifest.config.digest))
  const compressedBytes = manifest.layers.reduce((sum, { size }) => sum + size, 0)
  return {
    digest,
    reference: annotations['org.opencontainers.image.ref.name'],
    architecture,
    config,
    compressedBytes,
    root,
  }
}

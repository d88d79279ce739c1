/** Makes container images out of folders: the OCI layout, written by hand because it is four JSON files and a tar. */
import { createHash } from 'node:crypto'
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './command.ts'

/** Holds a pod's namespaces open, as registries' `pause` does. */
export const PAUSE_IMAGE = 'token-projector.test/pause:1'
/** A test container's whole userland: `/probe` serves, asks, writes, reads and waits (see go/images). */
export const PROBE_IMAGE = 'token-projector.test/probe:1'

export interface ImageSource {
  /** What pods call it; never fetched from anywhere. */
  name: string
  /** The folder that becomes the image's root. */
  root: string
  entrypoint: readonly string[]
  /** The user that containers run as when their pod does not say. */
  user: string
}

const ARCHITECTURES: Record<string, string> = { x64: 'amd64', arm64: 'arm64' }
/** Reproducible: the same files give the same bytes. */
const TAR = ['tar', '--create', '--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner']
const NOBODY = '65534:65534'

export const imageArchives = (directory: string) => [join(directory, 'pause.tar'), join(directory, 'probe.tar')]

/** Turns the programs `pause` and `probe` of a folder into an archive each, beside them. */
export async function buildImages(directory: string): Promise<void> {
  for (const [program, name] of [
    ['pause', PAUSE_IMAGE],
    ['probe', PROBE_IMAGE],
  ] as const) {
    const root = await mkdtemp(join(directory, 'root-'))
    // The container's own root folder: its user is not the one who made it.
    await chmod(root, 0o755)
    await cp(join(directory, program), join(root, program))
    const image = { name, root, entrypoint: [`/${program}`], user: NOBODY }
    await writeImageArchive(image, join(directory, `${program}.tar`))
    await rm(root, { recursive: true })
  }
}

/** Writes `source` as an OCI archive with one layer, for this machine's architecture. */
export async function writeImageArchive(source: ImageSource, archive: string): Promise<void> {
  const layout = await mkdtemp(join(tmpdir(), 'token-projector-image-'))
  try {
    await mkdir(join(layout, 'blobs', 'sha256'), { recursive: true })
    const layerFile = join(layout, 'layer')
    await run([...TAR, '--file', layerFile, '--directory', source.root, '.'])
    const layer = await blob(layout, 'application/vnd.oci.image.layer.v1.tar', await readFile(layerFile))
    await rm(layerFile)
    const manifest = await manifestOf(source, layer, layout)
    const annotations = { 'io.containerd.image.name': source.name }
    const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] }
    await writeFile(join(layout, 'index.json'), JSON.stringify(index))
    await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
    await run([...TAR, '--file', archive, '--directory', layout, '.'])
  } finally {
    await rm(layout, { recursive: true, force: true })
  }
}

interface Descriptor {
  mediaType: string
  digest: string
  size: number
}

async function manifestOf(source: ImageSource, layer: Descriptor, layout: string): Promise<Descriptor> {
  const config = {
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    os: 'linux',
    config: { Entrypoint: source.entrypoint, User: source.user, WorkingDir: '/' },
    // An uncompressed layer's digest is its content's digest too.
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  }
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: await blob(layout, 'application/vnd.oci.image.config.v1+json', JSON.stringify(config)),
    layers: [layer],
  }
  return blob(layout, manifest.mediaType, JSON.stringify(manifest))
}

async function blob(layout: string, mediaType: string, content: string | Uint8Array): Promise<Descriptor> {
  const hex = createHash('sha256').update(content).digest('hex')
  await writeFile(join(layout, 'blobs', 'sha256', hex), content)
  return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(content) }
}

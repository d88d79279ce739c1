/** Builds the image without Docker: the Dockerfile, on bases made of this machine's Node and libraries. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VERSION } from '../../src/version.ts'
import { installPackages } from '../cluster/packages.ts'
import type { Step } from '../cluster/steps.ts'
import { type Bases, makeBases } from './base.ts'
import { createBuildah } from './buildah.ts'

/** What the chart calls it when nobody names a registry, as container runtimes spell it out. */
export const IMAGE_REFERENCE = `docker.io/library/token-projector:${VERSION}`

export interface ImageBuild {
  /** An OCI archive; one that is there is replaced. */
  archive: string
  reference?: string
  /** As Go calls it; this machine's by default. */
  architecture?: string
  /** Makes the bases in an empty folder; of this machine's Node by default. */
  bases?: (directory: string) => Promise<Bases>
}

const ROOT = join(import.meta.dirname, '../..')
const ARCHITECTURES: Record<string, string> = { x64: 'amd64', arm64: 'arm64' }

/** Bundles must be in dist/. @throws Error when buildah is missing and cannot be installed, or fails */
export async function buildImage(build: ImageBuild, step: Step): Promise<void> {
  await installPackages(step, { buildah: 'buildah' })
  const { archive, reference = IMAGE_REFERENCE, bases = makeBases } = build
  const architecture = build.architecture ?? ARCHITECTURES[process.arch] ?? process.arch
  const directory = await mkdtemp(join(tmpdir(), 'token-projector-image-'))
  try {
    const storage = join(directory, 'storage')
    await mkdir(storage)
    const buildah = createBuildah(storage, architecture)
    const { node, base } = await bases(directory)
    await step('made the bases', async () => {
      await buildah.fromFolder(node, 'localhost/node')
      await buildah.fromFolder(base, 'localhost/base')
    })
    await step(`built ${reference}`, async () => {
      await buildah.build(ROOT, 'localhost/image', { NODE: 'localhost/node', BASE: 'localhost/base', VERSION })
      await rm(archive, { force: true })
      await buildah.save('localhost/image', archive, reference)
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

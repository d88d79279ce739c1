/** Images of applications as their own teams would make them, put together without a registry. */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundle } from '../../../image/bundle.ts'
import { makeBases } from '../../image/base.ts'
import { writeImageArchive } from '../image.ts'
import { type Cluster, readRecord } from '../session.ts'

export const KUBECTL_IMAGE = 'token-projector.test/kubectl:1'
/** As examples/aws-sdk-js names it. */
export const CHECKOUT_IMAGE = 'docker.io/library/checkout:1.0.0'
const NOBODY = '65534:65534'

/** kubectl alone, as `/kubectl`. */
export async function loadKubectlImage(cluster: Cluster): Promise<void> {
  const programs = (await readRecord(cluster.directory))?.programs
  if (programs === undefined) throw new Error('the cluster has no record')
  await load(cluster, { name: KUBECTL_IMAGE, entrypoint: ['/kubectl'] }, (root) =>
    cp(join(programs.kubernetes, 'kubernetes'), join(root, 'kubectl')),
  )
}

/** The program of examples/aws-sdk-js with Node below it. */
export async function loadCheckoutImage(cluster: Cluster): Promise<void> {
  const entry = 'examples/aws-sdk-js/app.mjs'
  const { code } = await bundle({ name: 'app.mjs', entry, mayHoldPackages: true })
  await load(cluster, { name: CHECKOUT_IMAGE, entrypoint: ['node', '/app/app.mjs'] }, async (root, scratch) => {
    const { node, base } = await makeBases(scratch)
    for (const part of [base, node]) await cp(part, root, { recursive: true })
    await mkdir(join(root, 'app'))
    await writeFile(join(root, 'app/app.mjs'), code)
  })
}

async function load(
  cluster: Cluster,
  image: { name: string; entrypoint: readonly string[] },
  fill: (root: string, scratch: string) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'token-projector-application-'))
  try {
    const root = join(directory, 'root')
    const scratch = join(directory, 'scratch')
    const archive = join(directory, 'image.tar')
    await mkdir(root, { mode: 0o755 })
    await mkdir(scratch)
    await fill(root, scratch)
    await writeImageArchive({ ...image, root, user: NOBODY }, archive)
    await cluster.loadImage(archive)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

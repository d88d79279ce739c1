/** Builds the programs that a cluster is made of, once for each state of their sources. */
import { createHash, randomUUID } from 'node:crypto'
import { glob, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './command.ts'
import { buildImages } from './image.ts'
import { programsDirectory } from './paths.ts'
import type { Step } from './steps.ts'

/** Folders of built programs, and the archive of the images that a node needs from the start. */
export interface Programs {
  kubernetes: string
  containerd: string
  coredns: string
  images: string
}

interface Recipe {
  module: keyof Programs
  title: string
  ldflags: string
  packages: readonly string[]
  /** Names that the module's own program is called by. */
  links: readonly string[]
  /** What is made of the programs, and the file here that says how. */
  finish?: { by: string; run: (directory: string) => Promise<void> }
}

const SOURCES = join(import.meta.dirname, 'go')
/** The parts that the one Kubernetes program plays, by the name that it is called by. */
const PARTS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-proxy',
  'kube-scheduler',
  'kubectl',
  'kubelet',
]
const BUILD_TIMEOUT_MS = 3_600_000

/**
 * @param cache the folder that keeps what was built
 * @throws Error when Go is missing or a build fails
 */
export async function buildPrograms(cache: string, step: Step): Promise<Programs> {
  const goVersion = await run(['go', 'version'], { cwd: SOURCES }).catch((cause) => {
    throw new Error('Go is missing: install Go 1.26.6 or newer, from https://go.dev/dl', { cause })
  })
  const build = async (recipe: Recipe) => {
    const key = await hashOf(recipe, goVersion)
    return builtOnce(join(programsDirectory(cache), `${recipe.module}-${key}`), recipe, step)
  }
  // One after the other: each build keeps all cores busy by itself.
  return {
    containerd: await build(await containerdRecipe()),
    coredns: await build(await corednsRecipe()),
    images: await build(imagesRecipe()),
    kubernetes: await build(await kubernetesRecipe()),
  }
}

/** The version of Kubernetes that the module pins, such as `v1.37.2`. */
export const kubernetesVersion = () => pinned('kubernetes', 'k8s.io/kubernetes')

async function kubernetesRecipe(): Promise<Recipe> {
  const [version, helm] = await Promise.all([kubernetesVersion(), pinned('kubernetes', 'helm.sh/helm/v4')])
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(version) ?? []
  const base = 'k8s.io/component-base/version'
  const stamps: Record<string, string> = {
    // Without these, /version is v0.0.0-master and every check of version skew fails.
    [`${base}.gitVersion`]: version,
    [`${base}.gitMajor`]: major,
    [`${base}.gitMinor`]: minor,
    [`${base}.gitCommit`]: '0',
    [`${base}.gitTreeState`]: 'clean',
    [`${base}.buildDate`]: '2026-01-01T00:00:00Z',
    'helm.sh/helm/v4/internal/version.version': helm,
  }
  return {
    module: 'kubernetes',
    title: `Kubernetes ${version} and Helm ${helm} (some minutes)`,
    ldflags: stamp(stamps),
    // Helm is the module's only tool: built here, it shares most of its packages with kubectl.
    packages: ['.', 'tool'],
    links: PARTS,
  }
}

async function containerdRecipe(): Promise<Recipe> {
  const version = await pinned('containerd', 'github.com/containerd/containerd/v2')
  const ldflags = stamp({ 'github.com/containerd/containerd/v2/version.Version': version })
  return { module: 'containerd', title: `containerd ${version}`, ldflags, packages: ['tool'], links: [] }
}

async function corednsRecipe(): Promise<Recipe> {
  const version = await pinned('coredns', 'github.com/coredns/coredns')
  return { module: 'coredns', title: `CoreDNS ${version}`, ldflags: '', packages: ['.'], links: [] }
}

function imagesRecipe(): Recipe {
  const finish = { by: 'image.ts', run: buildImages }
  return { module: 'images', title: 'the test images', ldflags: '', packages: ['./...'], links: [], finish }
}

const stamp = (values: Record<string, string>) =>
  Object.entries(values)
    .map(([name, value]) => `-X ${name}=${value}`)
    .join(' ')

/** The version that a module's go.mod requires: versions are pinned there and nowhere else. */
async function pinned(module: string, path: string): Promise<string> {
  const text = await readFile(join(SOURCES, module, 'go.mod'), 'utf8')
  const words = text.split('\n').map((line) =>
    line
      .trim()
      .split(/\s+/)
      .filter((word) => word !== 'require'),
  )
  const version = words.find(([name]) => name === path)?.[1]
  if (version === undefined) throw new Error(`test/cluster/go/${module}/go.mod requires no ${path}`)
  return version
}

async function hashOf(recipe: Recipe, goVersion: string): Promise<string> {
  const hash = createHash('sha256').update(goVersion).update(JSON.stringify(recipe))
  const directory = join(SOURCES, recipe.module)
  const files = await Array.fromAsync(glob('**/*.{go,mod,sum}', { cwd: directory }))
  for (const file of files.sort()) hash.update(file).update(await readFile(join(directory, file)))
  if (recipe.finish !== undefined) hash.update(await readFile(join(import.meta.dirname, recipe.finish.by)))
  return hash.digest('hex').slice(0, 16)
}

async function builtOnce(directory: string, recipe: Recipe, step: Step): Promise<string> {
  if (await isDirectory(directory)) return directory
  await step(`built ${recipe.title}`, async () => {
    const partial = `${directory}.${randomUUID()}`
    try {
      await goBuild(recipe, partial)
      await Promise.all(recipe.links.map((name) => symlink(recipe.module, join(partial, name))))
      await recipe.finish?.run(partial)
      await rename(partial, directory).catch(async (cause) => {
        // Another build of the same sources was quicker; its result is as good.
        if (!(await isDirectory(directory))) throw cause
      })
    } finally {
      await rm(partial, { recursive: true, force: true })
    }
  })
  return directory
}

async function goBuild(recipe: Recipe, output: string): Promise<void> {
  await mkdir(output, { recursive: true })
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags', `-s -w ${recipe.ldflags}`, '-o', `${output}/`]
  await run(['nice', 'go', 'build', ...flags, ...recipe.packages], {
    cwd: join(SOURCES, recipe.module),
    // Static programs, and no setting of the user's that would change them.
    environment: { CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' },
    timeoutMs: BUILD_TIMEOUT_MS,
  })
}

const isDirectory = (path: string) =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )

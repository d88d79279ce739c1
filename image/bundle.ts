/** Bundles each process into one file: the one door to esbuild. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { type BuildOptions, build, type Metafile, type OutputFile, type Plugin } from 'esbuild'
import { licensesOf } from './licenses.ts'
import { LICENSES, MANIFEST, PROGRAMS, type Program } from './programs.ts'

export interface Bundle {
  name: string
  bytes: number
  /** Folders of the packages in it, such as `node_modules/jose`. */
  packages: string[]
}

interface Built {
  code: string
  legalComments: string
  packages: string[]
}

const ROOT = join(import.meta.dirname, '..')
/** Modules of packages that they do without where these are missing. */
const OPTIONAL = ['bufferutil', 'supports-color', 'utf-8-validate']
/** CommonJS packages ask for Node's own modules at run time, and a module has no `require` of its own. */
const REQUIRE = `import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)`

/**
 * Writes the programs into `directory`, and what has to lie beside them.
 * @throws Error when a bundle would not stand on its own
 */
export async function bundlePrograms(directory: string): Promise<Bundle[]> {
  await mkdir(directory, { recursive: true })
  const built = await Promise.all(PROGRAMS.map(bundle))
  const write = (name: string, content: string) => writeFile(join(directory, name), content)
  await Promise.all(PROGRAMS.map(({ name }, index) => write(name, built[index]?.code ?? '')))
  await write(MANIFEST.name, MANIFEST.content)
  const folders = new Set(built.flatMap(({ packages }) => packages))
  const comments = new Set(built.map(({ legalComments }) => legalComments).filter((text) => text !== ''))
  await write(LICENSES, await licensesOf(ROOT, [...folders], [...comments].join('\n')))
  return PROGRAMS.map(({ name }, index) => {
    const { code = '', packages = [] } = built[index] ?? {}
    return { name, bytes: Buffer.byteLength(code), packages }
  })
}

/** One program in memory. @throws Error when it would not stand on its own */
export async function bundle(program: Program): Promise<Built> {
  const { outputFiles, metafile, warnings } = await build(optionsOf(program))
  const output = Object.entries(metafile.outputs).find(([path]) => path.endsWith('.js'))?.[1]
  const packages = packagesOf(output)
  const problems = [
    ...warnings.map(({ text, location }) => `${location?.file}: ${text}`),
    ...missing(output).map((name) => `${name} is not in the bundle`),
    ...(program.mayHoldPackages ? [] : packages.map((name) => `${name} is in the bundle, which may hold no package`)),
  ]
  if (problems.length > 0) throw new Error(`${program.name}: ${problems.join('; ')}`)
  return { code: textOf(outputFiles, '.js'), legalComments: textOf(outputFiles, '.txt'), packages }
}

type Output = Metafile['outputs'][string] | undefined

function optionsOf({ entry, mayHoldPackages }: Program) {
  return {
    absWorkingDir: ROOT,
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    // The Node that runs this is the one that the image holds.
    target: `node${process.versions.node}`,
    format: 'esm',
    charset: 'utf8',
    // Readable as it is: a stack trace names lines that a person finds in the image, and no map is needed.
    minify: false,
    legalComments: 'external',
    plugins: [versionAlone],
    ...(mayHoldPackages ? { banner: { js: REQUIRE } } : {}),
    outdir: 'dist',
    write: false,
    metafile: true,
    logLevel: 'silent',
  } as const satisfies BuildOptions
}

/** Of our package.json only the version belongs into a program. */
const versionAlone: Plugin = {
  name: 'version-alone',
  setup(build) {
    build.onLoad({ filter: /[\\/]package\.json$/ }, async ({ path }) => {
      if (path !== join(ROOT, 'package.json')) return undefined
      const { version } = JSON.parse(await readFile(path, 'utf8'))
      return { contents: JSON.stringify({ version }), loader: 'json' }
    })
  },
}

/** `node_modules/a/node_modules/b/index.js` belongs to the package in `node_modules/a/node_modules/b`. */
function packagesOf(output: Output): string[] {
  const inputs = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0)
  const folders = inputs.map(([path]) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0])
  return [...new Set(folders.filter((folder) => folder !== undefined))].sort()
}

/** What a bundle would look for in folders that the image does not have. */
function missing(output: Output): string[] {
  const outside = (output?.imports ?? []).filter(({ external }) => external === true).map(({ path }) => path)
  return outside.filter((path) => !isBuiltin(path) && !OPTIONAL.includes(path))
}

function textOf(files: readonly OutputFile[], ending: string): string {
  return files.find(({ path }) => path.endsWith(ending))?.text ?? ''
}

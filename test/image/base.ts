/** Makes the two folders that stand in for the Dockerfile's bases: this machine's Node, and the libraries that it needs. */
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { IMAGE_NODE } from '../../src/contract.ts'
import { run } from '../cluster/command.ts'

/** Folders with the layout of the images that the Dockerfile names. */
export interface Bases {
  /** Stands in for Node's own image. */
  node: string
  /** Stands in for the base without a shell. */
  base: string
}

/** Node's image has it, the base does not. */
const ONLY_WITH_NODE = /\/libatomic\.so/
const PASSWD = 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n'

/** @param directory an empty folder that gets both */
export async function makeBases(directory: string): Promise<Bases> {
  const bases = { node: join(directory, 'node'), base: join(directory, 'base') }
  await put(process.execPath, join(bases.node, IMAGE_NODE), 0o755)
  await write(join(bases.node, 'usr/local/LICENSE'), 'The real image has the licence of Node.js here.\n')
  for (const library of librariesOf(await run(['ldd', process.execPath]))) {
    if (ONLY_WITH_NODE.test(library)) await put(library, join(bases.node, inUsr(library)), 0o644)
    else await put(library, join(bases.base, library), 0o755)
  }
  await write(join(bases.base, 'etc/passwd'), PASSWD)
  return bases
}

/** The files that `ldd` found: `libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)`, and the loader without an arrow. */
export function librariesOf(output: string): string[] {
  const missing = /^\s*(\S+) => not found/m.exec(output)?.[1]
  if (missing !== undefined) throw new Error(`this machine has no ${missing}, which its Node needs`)
  return [...output.matchAll(/(?:=>|^)\s*(\/\S+) \(0x/gm)].map((match) => match[1] ?? '')
}

/** Debian calls the folder by both names; the Dockerfile says `/usr/lib`. */
const inUsr = (path: string) => (path.startsWith('/usr/') ? path : `/usr${path}`)

async function put(from: string, to: string, mode: number): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  await copyFile(from, to)
  await chmod(to, mode)
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text, { mode: 0o644 })
}

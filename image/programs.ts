/** The programs that the image holds: what each is bundled from, and which of them may hold packages. Pure. */

export interface Program {
  /** The file in the image. */
  name: string
  /** The source that it begins at, from the repository's root. */
  entry: string
  /** What runs beside every pod holds none. */
  mayHoldPackages: boolean
}

export const PROGRAMS: readonly Program[] = [
  { name: 'webhook.js', entry: 'src/webhook/main.ts', mayHoldPackages: true },
  { name: 'signer.js', entry: 'src/signer/main.ts', mayHoldPackages: true },
  { name: 'sidecar.js', entry: 'src/sidecar/main.ts', mayHoldPackages: false },
  { name: 'sidecar-wait.js', entry: 'src/sidecar/wait/main.ts', mayHoldPackages: false },
  { name: 'cli.js', entry: 'src/cli/main.ts', mayHoldPackages: true },
]

/** Beside the programs: tells Node that they are modules, which it would otherwise find out by parsing them twice. */
export const MANIFEST = { name: 'package.json', content: `${JSON.stringify({ type: 'module' })}\n` } as const

/** Beside the programs: what the authors of the packages in them ask to be passed on. */
export const LICENSES = 'LICENSES.txt'

/** Starts the sidecar's programs as the kubelet would: a process, its environment, its output, its exit code. */
import { spawn } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import type { SidecarConfig } from '../../src/contract.ts'

const PATIENCE_MS = 15_000
const programs = {
  sidecar: new URL('../../src/sidecar/main.ts', import.meta.url).pathname,
  wait: new URL('../../src/sidecar/wait/main.ts', import.meta.url).pathname,
}

export interface Line {
  level: string
  msg: string
  [fact: string]: unknown
}

export interface Program {
  /** Everything printed so far, raw. */
  output(): string
  lines(): Line[]
  /** The first line with this in its sentence, as soon as it is there. */
  line(part: string): Promise<Line>
  signal(name: NodeJS.Signals): void
  exitCode: Promise<number | null>
}

export interface StartOptions {
  env?: Record<string, string>
  /** Arguments of node itself. */
  node?: string[]
}

export function start(
  program: keyof typeof programs,
  args: string[],
  config: SidecarConfig | string | undefined,
  options: StartOptions = {},
): Program {
  const text = typeof config === 'object' ? JSON.stringify(config) : config
  const env = { ...(text === undefined ? {} : { TOKEN_PROJECTOR_SIDECAR: text }), ...options.env }
  const child = spawn(process.execPath, [...(options.node ?? []), programs[program], ...args], { env })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += String(chunk)
    })
  }
  const exitCode = new Promise<number | null>((resolve) => child.on('close', resolve))
  const lines = () => output.split('\n').flatMap(parse)
  return {
    output: () => output,
    lines,
    line: (part) =>
      eventually(() => lines().find(({ msg }) => msg.includes(part)), `a line with "${part}" in ${output}`),
    signal: (name) => void child.kill(name),
    exitCode,
  }
}

/** What `look` finds, as soon as it finds something. @throws when that takes too long */
export async function eventually<Found>(look: () => Found | undefined | Promise<Found | undefined>, what: string) {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end; await pause(10)) {
    const found = await look()
    if (found !== undefined) return found
  }
  throw new Error(`waited in vain for ${what}`)
}

function parse(line: string): Line[] {
  return line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line) as Line] : []
}

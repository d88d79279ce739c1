/** Runs a program as a container would see its files: in a mount namespace with folders of ours at absolute paths. */
import { execFileSync } from 'node:child_process'

/** One folder of this machine at a path of the container's. */
export interface Bind {
  from: string
  to: string
}

/** Root unshares as it is; others need a user namespace, which some machines forbid. */
const UNSHARE =
  process.getuid?.() === 0
    ? ['unshare', '--mount']
    : ['unshare', '--user', '--map-current-user', '--mount', '--keep-caps']

/** Why this machine cannot, or undefined. */
export function namespaceProblem(): string | undefined {
  try {
    execFileSync(UNSHARE[0] ?? '', [...UNSHARE.slice(1), 'mount', '-t', 'tmpfs', 'tmpfs', '/run'], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return String(error)
  }
}

/**
 * The command that runs `command` with `binds` in place and nothing else below /run.
 * The shell only mounts; it is gone when the program runs, so signals reach the program.
 */
export function inNamespace(binds: readonly Bind[], command: readonly string[]): string[] {
  const mounts = binds.flatMap(({ from, to }) => [`mkdir -p ${quote(to)}`, `mount --bind ${quote(from)} ${quote(to)}`])
  const script = ['mount -t tmpfs tmpfs /run', ...mounts, 'exec "$@"'].join(' && ')
  return [...UNSHARE, 'sh', '-c', script, 'sh', ...command]
}

function quote(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`
}

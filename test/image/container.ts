/** Runs a program with an unpacked image as its root: read-only, and as the image's user. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'

export interface ContainerRun {
  /** The image's root, unpacked. */
  root: string
  /** `uid:gid` */
  user: string
  command: readonly string[]
  environment?: Record<string, string>
  /** Local folders, by the path inside. */
  mounts?: Record<string, string>
  input?: string
}

export interface Ended {
  exitCode: number | undefined
  stdout: string
  stderr: string
}

/** In a mount namespace of its own, so that nothing is left mounted; the arguments are root, user, mounts, `--`, command. */
const SCRIPT = `
set -eu
root=$1 user=$2
shift 2
mount --rbind "$root" "$root"
mount --options remount,bind,ro "$root"
while [ "$1" != -- ]; do
  mount --bind "$2" "$root$1"
  shift 2
done
shift
exec chroot --userspec="$user" "$root" "$@"
`

export async function runInImage({
  root,
  user,
  command,
  environment = {},
  mounts = {},
  input,
}: ContainerRun): Promise<Ended> {
  for (const path of Object.keys(mounts)) await mkdir(join(root, path), { recursive: true })
  const inNamespace = ['--mount', '--propagation', 'private', '--', '/bin/sh', '-c', SCRIPT, 'sh']
  const args = [...inNamespace, root, user, ...Object.entries(mounts).flat(), '--', ...command]
  const { exitCode, stdout, stderr } = await execa('unshare', args, {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...environment },
    extendEnv: false,
    reject: false,
    timeout: 30_000,
    input: input ?? '',
  })
  return { exitCode, stdout, stderr }
}

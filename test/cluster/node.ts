/** Makes namespaces into a node: its folders, its kernel settings, its network. */
import { mkdir, realpath, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type ConfigurationInputs, configurationFiles, KERNEL_SETTINGS } from './configuration.ts'
import { type Files, NODE_ADDRESS, NODE_INTERFACE, SERVICE_CIDR } from './layout.ts'
import type { Namespaces } from './namespaces.ts'

export async function writeNodeFiles(inputs: ConfigurationInputs): Promise<void> {
  const { files } = inputs
  const folders = [files.lib, files.logs, files.temporary, files.home, files.log('.')]
  await Promise.all(folders.map((folder) => mkdir(folder, { recursive: true })))
  for (const [name, text] of Object.entries(configurationFiles(inputs))) {
    const path = files.configuration(name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }
}

/** After this the namespaces see what they share with the machine, except all that a node writes. */
export async function setUpNode(namespaces: Namespaces, files: Files): Promise<void> {
  for (const command of [...(await mounts(files)), ...network()]) await namespaces.run(command)
}

async function mounts(files: Files): Promise<string[][]> {
  const bind = (from: string, to: string) => ['mount', '--bind', from, to]
  // Where a machine's resolv.conf is a link into /run, the target is gone once /run is the node's own.
  const resolvConf = await realpath('/etc/resolv.conf')
  return [
    ['mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run'],
    ...(resolvConf.startsWith('/run/')
      ? [
          ['mkdir', '-p', dirname(resolvConf)],
          ['touch', resolvConf],
        ]
      : []),
    bind(files.configuration('resolv.conf'), resolvConf),
    bind(files.lib, '/var/lib'),
    bind(files.logs, '/var/log'),
    ...Object.keys(KERNEL_SETTINGS).map((name) => bind(files.configuration(`kernel/${name}`), `/proc/sys/${name}`)),
    // The kubelet's mounts have to reach the containers that are running already.
    ['mount', '--make-rshared', '/'],
  ]
}

const network = (): string[][] => [
  ['ip', 'link', 'set', 'lo', 'up'],
  // A bridge without ports: an interface for the node's address that every kernel has.
  ['ip', 'link', 'add', NODE_INTERFACE, 'type', 'bridge'],
  ['ip', 'address', 'add', `${NODE_ADDRESS}/32`, 'dev', NODE_INTERFACE],
  ['ip', 'link', 'set', NODE_INTERFACE, 'up'],
  // The kernel looks for a route before kube-proxy's rules put a pod's address in place of the Service's.
  ['ip', 'route', 'add', SERVICE_CIDR, 'dev', NODE_INTERFACE],
  ['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1'],
]

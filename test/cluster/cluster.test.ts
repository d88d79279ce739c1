/** A story: the cluster comes up, runs pods as Kubernetes does, leaves nothing, and comes up again. */
import { access, readdir, readFile } from 'node:fs/promises'
import { afterAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from './cluster.ts'
import { KERNEL_SETTINGS } from './configuration.ts'
import { controlGroups } from './control-group.ts'
import { NODE_INTERFACE, NODE_NAME } from './layout.ts'
import { membersOf } from './namespaces.ts'
import { idlePod, PROBE, restrictedNamespace, restrictedPod, serverPod, service } from './objects.ts'
import { kubernetesVersion } from './programs.ts'
import { until } from './wait.ts'

const HOSTS = { 'issuer.token-projector.test': '10.89.0.1' }

/** Folders that the parts of a node make for themselves where nobody leads them elsewhere. */
const NODE_FOLDERS = [
  '/etc/cni',
  '/opt/cni',
  '/opt/containerd',
  '/opt/nri',
  '/run/containerd',
  '/run/netns',
  '/usr/libexec/kubernetes',
  '/var/lib/cni',
  '/var/lib/containerd',
  '/var/lib/kubelet',
  '/var/log/containers',
  '/var/log/pods',
]

/** What a cluster could change on the machine, and nothing that others change meanwhile. */
async function machine() {
  const settings = Object.keys(KERNEL_SETTINGS).map((name) => readFile(`/proc/sys/${name}`, 'utf8'))
  const present = await Promise.all(
    NODE_FOLDERS.map((path) =>
      access(path).then(
        () => [path],
        () => [],
      ),
    ),
  )
  return { settings: await Promise.all(settings), folders: present.flat() }
}

async function interfacesInside(): Promise<string[]> {
  const links = JSON.parse(await cluster.enter(['ip', '-json', 'link']))
  return links.map(({ ifname }: { ifname: string }) => ifname).filter((name: string) => name !== 'lo')
}

const before = await machine()
let cluster: Cluster
afterAll(() => cluster?.stop())

const apply = (...objects: object[]) =>
  cluster.kubectl(['apply', '-f', '-'], objects.map((object) => JSON.stringify(object)).join('\n---\n'))
const ready = (pod: string) => cluster.kubectl(['wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s'])
const ask = (url: string) => cluster.kubectl(['exec', 'asker', '--', PROBE, 'get', url])

test('the API server says which Kubernetes it is', async () => {
  cluster = await startCluster({ hosts: HOSTS })
  const version = JSON.parse(await cluster.kubectl(['get', '--raw=/version']))
  expect(version.gitVersion).toBe(await kubernetesVersion())
  expect(version.gitVersion).toMatch(/^v1\.37\.\d+$/)
  expect(version).toMatchObject({ major: '1', minor: '37' })
})

test('the node is ready and of the same version', async () => {
  const node = JSON.parse(await cluster.kubectl(['get', 'node', NODE_NAME, '--output=json']))
  expect(node.status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }))
  expect(node.status.nodeInfo.kubeletVersion).toBe(await kubernetesVersion())
})

test('Helm speaks to it', async () => {
  expect(JSON.parse(await cluster.helm(['list', '--all-namespaces', '--output=json']))).toEqual([])
  expect(await cluster.helm(['version', '--template={{.Version}}'])).toMatch(/^v4\./)
})

test('a pod with a native sidecar and a start hook becomes ready', async () => {
  await apply(serverPod('greeter'), service('greeter'), idlePod('asker'))
  await Promise.all([ready('greeter'), ready('asker')])
  const pod = JSON.parse(await cluster.kubectl(['get', 'pod', 'greeter', '--output=json']))
  expect(pod.status.initContainerStatuses).toMatchObject([{ name: 'sidecar', ready: true, started: true }])
  expect(pod.spec.initContainers[0].restartPolicy).toBe('Always')
})

test('exec runs in a container and sees what the hook and the sidecar wrote', async () => {
  const read = (path: string) => cluster.kubectl(['exec', 'greeter', '-c', 'server', '--', PROBE, 'read', path])
  expect(await read('/shared/hook')).toBe('ran')
  expect(await read('/shared/sidecar')).toBe('started')
})

test.each([
  ['by its name', 'http://greeter'],
  ['by its full name', 'http://greeter.default.svc.cluster.local'],
])('a pod reaches a Service %s', async (_, url) => {
  expect(await until('the Service', () => ask(url))).toBe('this is greeter\n')
})

test('a pod and the node reach a Service by its address', async () => {
  const url = `http://${await cluster.kubectl(['get', 'service', 'greeter', '--output=jsonpath={.spec.clusterIP}'])}`
  expect(await ask(url)).toBe('this is greeter\n')
  // Where the API server calls webhooks from.
  const service = '/api/v1/namespaces/default/services/greeter:80/proxy/'
  expect(await cluster.kubectl(['get', `--raw=${service}`])).toBe('this is greeter\n')
})

test('a pod that calls a Service of its own reaches itself', async () => {
  const command = ['exec', 'greeter', '-c', 'server', '--', PROBE, 'get', 'http://greeter.default.svc.cluster.local']
  expect(await cluster.kubectl(command)).toBe('this is greeter\n')
})

test('names outside the cluster are those that it was given, and no other', async () => {
  await expect(ask('http://issuer.token-projector.test:1')).rejects.toThrow('10.89.0.1:1: connect: connection refused')
  await expect(ask('http://elsewhere.token-projector.test')).rejects.toThrow('no such host')
})

test('logs come from the container', async () => {
  expect(await cluster.kubectl(['logs', 'greeter', '-c', 'server'])).toContain('GET /ready\n')
})

test('a restricted namespace admits a restricted pod, refuses another, and its limits hold', async () => {
  await cluster.kubectl(['create', '-f', '-'], JSON.stringify(restrictedNamespace('strict')))
  await cluster.kubectl(['wait', '--for=create', 'serviceaccount/default', '--namespace=strict', '--timeout=60s'])
  await expect(
    cluster.kubectl(['create', '--namespace=strict', '-f', '-'], JSON.stringify(idlePod('idle'))),
  ).rejects.toThrow('violates PodSecurity "restricted:latest"')
  await apply(restrictedPod('careful', 'strict'))
  await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/careful', '--namespace=strict', '--timeout=60s'])
  const read = (path: string) => cluster.kubectl(['exec', 'careful', '--namespace=strict', '--', PROBE, 'read', path])
  const status = await read('/proc/1/status')
  // 2 is a filter: the runtime's default profile.
  expect(status).toMatch(/^Seccomp:\t2$/m)
  expect(status).toMatch(/^Uid:\t65534\t/m)
  // Control groups of version 1 and of version 2.
  const memory = ['/sys/fs/cgroup/memory/memory.limit_in_bytes', '/sys/fs/cgroup/memory.max']
  expect(await Promise.any(memory.map(read))).toBe(`${32 * 1024 ** 2}\n`)
  const cpu = ['/sys/fs/cgroup/cpu/cpu.cfs_quota_us', '/sys/fs/cgroup/cpu.max']
  expect(await Promise.any(cpu.map(read))).toMatch(/^5000\b/)
})

test('a deleted pod is gone, and its network with it', async () => {
  await cluster.kubectl(['delete', 'pod', 'asker', '--timeout=60s'])
  expect(JSON.parse(await cluster.kubectl(['get', 'pods', '--output=json'])).items).toHaveLength(1)
  const wires = (await cluster.enter(['ip', '-oneline', 'link', 'show', 'type', 'veth'])).trim().split('\n')
  // Those of `greeter` and `careful`.
  expect(wires).toHaveLength(2)
})

test('stopped with a pod running, it leaves nothing', async () => {
  expect(await controlGroups(cluster.controlGroup)).not.toEqual([])
  const interfaces = await interfacesInside()
  expect(interfaces).toContain(NODE_INTERFACE)
  await cluster.stop()
  expect(await membersOf(cluster.namespaces)).toEqual([])
  expect(await controlGroups(cluster.controlGroup)).toEqual([])
  await expect(access(cluster.directory)).rejects.toThrow('ENOENT')
  expect(await readFile('/proc/self/mountinfo', 'utf8')).not.toContain(cluster.directory)
  expect((await readdir('/sys/class/net')).filter((name) => interfaces.includes(name))).toEqual([])
  expect(await machine()).toEqual(before)
})

test('it comes up again', async () => {
  const startedAt = performance.now()
  cluster = await startCluster()
  process.stderr.write(`a second start took ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`)
  await apply(idlePod('asker'))
  await ready('asker')
})

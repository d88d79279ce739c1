/** Starts the parts of a cluster in their order, each as soon as what it needs is there. */
import * as command from './components.ts'
import { imageArchives } from './image.ts'
import { type Files, NODE_NAME } from './layout.ts'
import type { Processes } from './processes.ts'
import type { Cluster } from './session.ts'
import type { Step } from './steps.ts'
import { until } from './wait.ts'

export interface PartsInputs {
  cluster: Cluster
  files: Files
  processes: Processes
  /** The folder of the images that the node starts with. */
  images: string
  /** Flags added to kube-apiserver's. */
  apiServer: readonly string[]
  step: Step
}

/** @throws Error with the end of its log when a part ends */
export async function startParts(inputs: PartsInputs): Promise<void> {
  const { files, processes, step } = inputs
  const start = (name: string, line: readonly string[]) => processes.start(name, line, files.log(`${name}.log`))
  await start('containerd', command.containerd(files))
  await start('etcd', command.etcd(files))
  await start('kube-apiserver', command.apiServer(files, inputs.apiServer))
  await processes.unlessEnded(
    Promise.all([
      step('loaded images', () => loadImages(inputs)),
      step('API server ready', () => apiServerReady(inputs.cluster)),
    ]),
  )
  await start('kube-controller-manager', command.controllerManager(files))
  await start('kube-scheduler', command.scheduler(files))
  await start('coredns', command.dns(files))
  await start('kubelet', command.kubelet(files))
  await start('kube-proxy', command.proxy(files))
  await processes.unlessEnded(step('node ready', () => nodeReady(inputs.cluster)))
}

async function loadImages({ cluster, images }: PartsInputs): Promise<void> {
  await until('containerd', () => cluster.enter(['ctr', 'version']))
  for (const archive of imageArchives(images)) await cluster.loadImage(archive)
}

const apiServerReady = (cluster: Cluster) =>
  until('the API server', () => cluster.kubectl(['get', '--raw=/readyz']), { everyMs: 200 })

async function nodeReady({ kubectl }: Cluster): Promise<void> {
  await kubectl(['wait', '--for=create', `node/${NODE_NAME}`, '--timeout=60s'])
  await kubectl(['wait', '--for=condition=Ready', `node/${NODE_NAME}`, '--timeout=60s'])
  // No pod is admitted to a namespace before the controller manager has made this.
  await kubectl(['wait', '--for=create', 'serviceaccount/default', '--timeout=60s'])
}

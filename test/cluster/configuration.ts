/** What the cluster's parts are told by files. Pure. */
import { CLUSTER_DOMAIN, type Files, NODE_ADDRESS, POD_CIDR } from './layout.ts'

export const CONTAINERD_SOCKET = '/run/containerd/containerd.sock'
/** Room for the load that the stories make; the kubelet's own limit is 110. */
const MAX_PODS = 600

/** Names outside the cluster that its DNS knows, with their IPv4 addresses; no other exists. */
export type Hosts = Readonly<Record<string, string>>

/**
 * The kubelet demands these values of the whole machine. It finds them in files of its own instead, and the machine
 * keeps what it had.
 */
export const KERNEL_SETTINGS: Readonly<Record<string, string>> = {
  'kernel/keys/root_maxbytes': '25000000',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
}

export interface ConfigurationInputs {
  files: Files
  controlGroup: string
  pauseImage: string
  cniPlugins: string
  runc: string
  hosts: Hosts
}

/** File names with their texts. */
export function configurationFiles(inputs: ConfigurationInputs): Record<string, string> {
  return {
    'containerd.toml': containerd(inputs),
    'kubelet.json': json(kubelet(inputs)),
    'cni/pods.conflist': json(podNetwork()),
    Corefile: corefile(inputs.files),
    'outside.zone': outsideZone(inputs.hosts),
    'resolv.conf': `nameserver ${NODE_ADDRESS}\n`,
    ...Object.fromEntries(Object.entries(KERNEL_SETTINGS).map(([name, value]) => [`kernel/${name}`, `${value}\n`])),
  }
}

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

// Everything that containerd would make in /opt or look for in /etc is led to places of the cluster's own.
const containerd = (inputs: ConfigurationInputs) => `version = 3
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
address = "${CONTAINERD_SOCKET}"

[plugins."io.containerd.internal.v1.opt"]
path = "/var/lib/containerd/opt"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "${inputs.pauseImage}"

[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
cdi_spec_dirs = []

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["${inputs.cniPlugins}"]
conf_dir = "${inputs.files.configuration('cni')}"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "${inputs.runc}"
SystemdCgroup = false
`

const kubelet = ({ files, controlGroup }: ConfigurationInputs) => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: files.pki('ca.crt') },
  },
  authorization: { mode: 'Webhook' },
  // Straight to the kernel, under a root of the cluster's own: there is no systemd to ask.
  cgroupDriver: 'cgroupfs',
  cgroupRoot: `/${controlGroup}`,
  enforceNodeAllocatable: [],
  failCgroupV1: false,
  failSwapOn: false,
  clusterDNS: [NODE_ADDRESS],
  clusterDomain: CLUSTER_DOMAIN,
  containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
  // The machine's disk is not the cluster's to judge.
  evictionHard: {
    'imagefs.available': '0%',
    'memory.available': '1Mi',
    'nodefs.available': '0%',
    'nodefs.inodesFree': '0%',
  },
  imageGCHighThresholdPercent: 100,
  makeIPTablesUtilChains: false,
  maxPods: MAX_PODS,
  resolvConf: files.configuration('resolv.conf'),
  tlsCertFile: files.pki('kubelet.crt'),
  tlsPrivateKeyFile: files.pki('kubelet.key'),
  volumePluginDir: `${files.lib}/kubelet-plugins`,
})

/**
 * A wire from each pod to the node, instead of a bridge between pods: every packet is routed by the node, so a
 * Service's answer passes where its address was changed, without br_netfilter.
 */
const podNetwork = () => ({
  cniVersion: '1.0.0',
  name: 'pods',
  plugins: [
    {
      type: 'ptp',
      ipMasq: false,
      ipam: { type: 'host-local', ranges: [[{ subnet: POD_CIDR }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
  ],
})

const corefile = (files: Files) => `.:53 {
  bind ${NODE_ADDRESS}
  errors
  cache 5
  kubernetes ${CLUSTER_DOMAIN} in-addr.arpa {
    kubeconfig ${files.kubeconfigOf('dns')}
    pods insecure
    ttl 5
  }
  file ${files.configuration('outside.zone')} .
}
`

/** The whole world's zone: what is not in it does not exist, and resolvers hear so at once. */
const outsideZone = (hosts: Hosts) =>
  [
    '. 5 IN SOA ns. hostmaster. 1 3600 600 86400 5',
    '. 5 IN NS ns.',
    ...Object.entries(hosts).map(([name, address]) => `${name}. 5 IN A ${address}`),
    '',
  ].join('\n')

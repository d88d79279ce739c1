/** The command lines of the cluster's parts. Pure. */
import {
  API_URL,
  ETCD_URL,
  type Files,
  NODE_ADDRESS,
  NODE_NAME,
  POD_CIDR,
  SERVICE_ACCOUNT_ISSUER,
  SERVICE_CIDR,
} from './layout.ts'

export const containerd = (files: Files) => ['containerd', `--config=${files.configuration('containerd.toml')}`]

export const etcd = (files: Files) => [
  'etcd',
  `--data-dir=${files.lib}/etcd`,
  // Nothing here shall outlive a loss of power.
  '--unsafe-no-fsync',
  `--listen-client-urls=${ETCD_URL}`,
  `--advertise-client-urls=${ETCD_URL}`,
  '--listen-peer-urls=http://127.0.0.1:2380',
]

/** @param extra flags that a test adds, such as another `--service-account-issuer` */
export const apiServer = (files: Files, extra: readonly string[]) => [
  'kube-apiserver',
  `--etcd-servers=${ETCD_URL}`,
  `--secure-port=${new URL(API_URL).port}`,
  `--advertise-address=${NODE_ADDRESS}`,
  `--tls-cert-file=${files.pki('apiserver.crt')}`,
  `--tls-private-key-file=${files.pki('apiserver.key')}`,
  `--client-ca-file=${files.pki('ca.crt')}`,
  `--service-account-issuer=${SERVICE_ACCOUNT_ISSUER}`,
  `--service-account-key-file=${files.pki('service-account.pub')}`,
  `--service-account-signing-key-file=${files.pki('service-account.key')}`,
  `--service-cluster-ip-range=${SERVICE_CIDR}`,
  '--allow-privileged=true',
  '--authorization-mode=Node,RBAC',
  '--enable-admission-plugins=NodeRestriction',
  `--kubelet-certificate-authority=${files.pki('ca.crt')}`,
  `--kubelet-client-certificate=${files.pki('apiserver-kubelet-client.crt')}`,
  `--kubelet-client-key=${files.pki('apiserver-kubelet-client.key')}`,
  '--kubelet-preferred-address-types=InternalIP',
  ...extra,
]

export const controllerManager = (files: Files) => [
  'kube-controller-manager',
  `--kubeconfig=${files.kubeconfigOf('controller-manager')}`,
  '--bind-address=127.0.0.1',
  '--leader-elect=false',
  `--root-ca-file=${files.pki('ca.crt')}`,
  `--service-account-private-key-file=${files.pki('service-account.key')}`,
  `--cluster-signing-cert-file=${files.pki('ca.crt')}`,
  `--cluster-signing-key-file=${files.pki('ca.key')}`,
  '--use-service-account-credentials',
  // At the default of 20 calls a second, the first ServiceAccount is seconds late.
  '--kube-api-qps=200',
  '--kube-api-burst=400',
]

export const scheduler = (files: Files) => [
  'kube-scheduler',
  `--kubeconfig=${files.kubeconfigOf('scheduler')}`,
  '--bind-address=127.0.0.1',
  '--leader-elect=false',
]

export const kubelet = (files: Files) => [
  'kubelet',
  `--config=${files.configuration('kubelet.json')}`,
  `--kubeconfig=${files.kubeconfigOf('node')}`,
  `--hostname-override=${NODE_NAME}`,
  `--node-ip=${NODE_ADDRESS}`,
]

export const proxy = (files: Files) => [
  'kube-proxy',
  `--kubeconfig=${files.kubeconfigOf('proxy')}`,
  `--hostname-override=${NODE_NAME}`,
  '--proxy-mode=nftables',
  `--cluster-cidr=${POD_CIDR}`,
  // The machine's table of connections is not the cluster's to resize.
  '--conntrack-max-per-core=0',
]

export const dns = (files: Files) => ['coredns', `-conf=${files.configuration('Corefile')}`]

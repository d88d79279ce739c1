/** The names and addresses that a cluster's parts know each other by. Pure. */

export const NODE_NAME = 'node1'
/** On an interface of the cluster's own, so that every cluster may have the same. */
export const NODE_ADDRESS = '10.89.0.1'
export const NODE_INTERFACE = 'node0'
export const POD_CIDR = '10.88.0.0/16'
export const SERVICE_CIDR = '10.96.0.0/16'
/** The first of SERVICE_CIDR: the API server makes itself a Service there. */
export const API_SERVICE_ADDRESS = '10.96.0.1'
export const API_URL = 'https://127.0.0.1:6443'
export const ETCD_URL = 'http://127.0.0.1:2379'
export const CLUSTER_DOMAIN = 'cluster.local'
export const SERVICE_ACCOUNT_ISSUER = `https://kubernetes.default.svc.${CLUSTER_DOMAIN}`

/** The files of one cluster. */
export interface Files {
  directory: string
  /** Kubeconfig of a cluster administrator. */
  kubeconfig: string
  kubeconfigOf: (component: Component) => string
  pki: (name: string) => string
  configuration: (name: string) => string
  log: (name: string) => string
  /** Folders that stand in for the node's own: what it keeps, and its logs. */
  lib: string
  logs: string
  temporary: string
  home: string
}

export const COMPONENTS = ['controller-manager', 'scheduler', 'node', 'proxy', 'dns'] as const
export type Component = (typeof COMPONENTS)[number]

export function filesOf(directory: string): Files {
  const at = (folder: string) => (name: string) => `${directory}/${folder}/${name}`
  return {
    directory,
    kubeconfig: `${directory}/kubeconfig`,
    kubeconfigOf: (component) => `${directory}/pki/${component}.kubeconfig`,
    pki: at('pki'),
    configuration: at('configuration'),
    log: at('components'),
    lib: `${directory}/lib`,
    logs: `${directory}/log`,
    temporary: `${directory}/tmp`,
    home: `${directory}/home`,
  }
}

/** Knows the proxies of service meshes, behind which our container has to start. Pure. */
import { type JsonObject, memberOf } from './json.ts'

/** What the injectors of Istio, Linkerd, Kuma (Kong Mesh) and Consul call their proxies. */
export const MESH_PROXIES: readonly string[] = ['istio-proxy', 'linkerd-proxy', 'kuma-sidecar', 'consul-dataplane']

/**
 * Where our first init container belongs: in front of everything, so that all see a token; but directly behind a proxy
 * that is a native sidecar, because what starts before it has no network.
 */
export function ownPlace(initContainers: readonly JsonObject[]): number {
  return initContainers.findLastIndex(isNativeProxy) + 1
}

function isNativeProxy(container: JsonObject): boolean {
  return memberOf(container, 'restartPolicy') === 'Always' && MESH_PROXIES.includes(String(container['name']))
}

/** Selects the claims of a token beyond the registered ones, by profile, from facts that the API server vouches for. Pure. */
import type { CallerFacts } from '../contract.ts'
import type { ClaimsProfile } from './document.ts'

/** Flat snake_case strings: AWS, Azure and Claude compare nothing nested. */
export function claimsOf(profile: ClaimsProfile, organization: string, facts: CallerFacts): Record<string, string> {
  if (profile === 'minimal') return {}
  const standard = {
    org: organization,
    cluster: facts.cluster,
    namespace: facts.namespace,
    service_account: facts.serviceAccount.name,
    service_account_uid: facts.serviceAccount.uid,
    pod: facts.pod.name,
    pod_uid: facts.pod.uid,
  }
  return profile === 'standard' ? standard : { ...standard, ...nodeClaims(facts.node) }
}

/** A node's name tells topology, so only the full profile tells it. */
function nodeClaims(node: CallerFacts['node']): Record<string, string> {
  if (node === undefined) return {}
  return node.uid === undefined ? { node: node.name } : { node: node.name, node_uid: node.uid }
}

/**
 * Denies pods the network, as a NetworkPolicy or a mesh does: nothing enforces policies on the test node, so that the
 * node's packet filter stands in for what does.
 */
import { NODE_ADDRESS, POD_CIDR } from '../layout.ts'
import type { Cluster } from '../session.ts'

const TABLE = 'stories'
/** Who calls this port of the node is let through from then on, as a pod is whose mesh proxy runs. */
const KNOCK_PORT = 15_000
export const KNOCK_ADDRESS = `${NODE_ADDRESS}:${KNOCK_PORT}`

/**
 * From now on what pods send to other pods is dropped without an answer; what is sent to the node goes on, DNS among it.
 * @param except addresses of pods that are not meant
 */
export async function denyEgress(cluster: Cluster, except: readonly string[]): Promise<void> {
  await cluster.enter(['nft', '-f', '-'], {
    input: `table ip ${TABLE} {
  set admitted {
    type ipv4_addr
    flags dynamic
    size 1024
    elements = { ${except.join(', ')} }
  }
  chain knocking {
    type filter hook input priority filter
    tcp dport ${KNOCK_PORT} add @admitted { ip saddr }
  }
  chain leaving {
    type filter hook forward priority filter
    ct state established accept
    ip saddr ${POD_CIDR} ip saddr != @admitted drop
  }
}
`,
  })
}

export const allowEgress = (cluster: Cluster) => cluster.enter(['nft', 'delete', 'table', 'ip', TABLE])

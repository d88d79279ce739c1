/** Judges the pod that a subject token is bound to, as it is in the cluster now. Pure. */
import { z } from 'zod'
import type { CallerFacts } from '../../contract.ts'
import { type Refusal, refuse } from '../../errors.ts'

const source = z.object({ serviceAccountToken: z.object({ audience: z.string().default('') }).nullish() })
const volume = z.object({ projected: z.object({ sources: z.array(source).nullish() }).nullish() })
const pod = z.object({
  metadata: z.object({ uid: z.string() }),
  spec: z.object({
    serviceAccountName: z.string().default(''),
    nodeName: z.string().default(''),
    volumes: z.array(volume).nullish(),
  }),
  status: z.object({ phase: z.string().default('') }).nullish(),
})
type Pod = z.output<typeof pod>

/** The containers of such a pod have ended, so whoever holds its token took it out. */
const FINISHED = ['Succeeded', 'Failed']

/**
 * A pod that is being deleted is served until it is gone: its containers still work.
 * @param found the pod of the name that `facts` say, or undefined where there is none
 */
export function podProblem(found: unknown, facts: CallerFacts, audience: string): Refusal | undefined {
  const name = `pod ${facts.namespace}/${facts.pod.name}`
  if (found === undefined) return gone(name)
  const parsed = pod.safeParse(found)
  if (!parsed.success) return refuse('pod-mismatch', `what the API server knows as ${name} is not shaped like a pod`)
  const { data } = parsed
  if (data.metadata.uid !== facts.pod.uid) {
    return refuse(
      'pod-gone',
      `${name} is another one now than the subject token is bound to; a new pod has a new token`,
    )
  }
  if (FINISHED.includes(data.status?.phase ?? '')) {
    return refuse(
      'pod-finished',
      `${name} has ${data.status?.phase.toLowerCase()}, and a pod that ended gets no tokens`,
    )
  }
  const other = differences(data, facts, audience)
  return other === undefined ? undefined : refuse('pod-mismatch', `${name} ${other}`)
}

function gone(name: string): Refusal {
  return refuse('pod-gone', `${name}, which the subject token is bound to, does not exist any more`)
}

function differences({ spec }: Pod, { serviceAccount, node }: CallerFacts, audience: string): string | undefined {
  if (spec.serviceAccountName !== serviceAccount.name) return 'has another service account than the subject token'
  if (node !== undefined && spec.nodeName !== node.name) return 'is on another node than the subject token says'
  if (projects(spec, audience)) return undefined
  return `has no projected service account token with audience ${audience}; let the webhook inject it, or add the volume`
}

/** The kubelet makes tokens only for audiences that the pod's volumes ask for; one without came another way. */
function projects({ volumes }: Pod['spec'], audience: string): boolean {
  const sources = (volumes ?? []).flatMap(({ projected }) => projected?.sources ?? [])
  return sources.some(({ serviceAccountToken }) => serviceAccountToken?.audience === audience)
}

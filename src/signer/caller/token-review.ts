/** Asks whether the API server itself accepts a subject token, and judges its answer. Pure. */
import { z } from 'zod'
import type { CallerFacts } from '../../contract.ts'
import { type Refusal, refuse } from '../../errors.ts'

/** What a caller is told of the API server's own words. */
const SHOWN_CHARACTERS = 200
const EXTRA = 'authentication.kubernetes.io/'

const answer = z.object({
  status: z.object({
    authenticated: z.boolean().default(false),
    error: z.string().default(''),
    audiences: z.array(z.string()).nullish(),
    user: z
      .object({
        username: z.string().default(''),
        uid: z.string().default(''),
        extra: z.record(z.string(), z.array(z.string())).nullish(),
      })
      .default({ username: '', uid: '' }),
  }),
})
type Status = z.output<typeof answer>['status']

/** The body of a POST to `tokenreviews`, authentication.k8s.io/v1. */
export function tokenReview(token: string, audience: string): object {
  const spec = { token, audiences: [audience] }
  return { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec }
}

/**
 * @param review the API server's answer
 * @param facts what the token says of itself, its signature verified
 * @returns why the caller is not served; undefined where the API server says the same as the token
 */
export function reviewProblem(review: unknown, facts: CallerFacts, audience: string): Refusal | undefined {
  const parsed = answer.safeParse(review)
  if (!parsed.success) return rejected('its answer is no TokenReview')
  const { status } = parsed.data
  if (!status.authenticated) {
    const words = status.error === '' ? 'it gives no reason' : `it says: ${status.error.slice(0, SHOWN_CHARACTERS)}`
    return rejected(`${words}; a pod that is gone, or a service account that was made anew, can be why`)
  }
  // An authenticator that knows nothing of audiences leaves this empty, and its yes means nothing.
  if (!status.audiences?.includes(audience)) return rejected('its answer does not name our audience')
  const other = differences(status, facts)
  return other.length === 0 ? undefined : rejected(`it vouches for another ${other.join(' and ')}`)
}

/** Older servers say nothing of node and credential; what they do not say is not compared. */
function differences({ user }: Status, facts: CallerFacts): string[] {
  const extra = (name: string) => user.extra?.[EXTRA + name]?.[0]
  const { namespace, serviceAccount, pod, node, credentialId } = facts
  const isOther = (said: string | undefined, expected: string | undefined) =>
    said !== undefined && expected !== undefined && said !== expected
  const checks: [string, boolean][] = [
    ['service account', user.username !== `system:serviceaccount:${namespace}:${serviceAccount.name}`],
    ['uid of the service account', user.uid !== serviceAccount.uid],
    ['pod', extra('pod-name') !== pod.name || extra('pod-uid') !== pod.uid],
    ['node', isOther(extra('node-name'), node?.name)],
    ['token', isOther(extra('credential-id'), credentialId && `JTI=${credentialId}`)],
  ]
  return checks.flatMap(([what, differs]) => (differs ? [what] : []))
}

function rejected(why: string): Refusal {
  return refuse('subject-token-rejected', `the API server does not accept the subject token: ${why}`)
}

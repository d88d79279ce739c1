/** Asks the cluster about a caller whose token verified: a TokenReview, then the pod. */
import type { CallerFacts } from '../../contract.ts'
import { type Refusal, refuse } from '../../errors.ts'
import { isNotFound, type KubernetesClient, KubernetesError } from '../../kubernetes/client.ts'
import { objectPath, pods, TOKEN_REVIEWS } from '../../kubernetes/object.ts'
import type { Log } from '../../log.ts'
import { podProblem } from './live-pod.ts'
import { reviewProblem, tokenReview } from './token-review.ts'

/** What is asked of the API server, as a metric label. */
export const LIVE_REQUESTS = ['tokenreview', 'pod'] as const
export type LiveRequest = (typeof LIVE_REQUESTS)[number]

export interface LiveDeps {
  client: KubernetesClient
  identityAudience: string
  log: Log
  onFailure(cluster: string, request: LiveRequest): void
}

/** @returns why the caller is not served, or undefined */
export type CheckLive = (subjectToken: string, facts: CallerFacts) => Promise<Refusal | undefined>

/** Both must agree with the token. Nothing replaces an answer: without the API server nobody is served. */
export function createLiveCheck({ client, identityAudience, log, onFailure }: LiveDeps): CheckLive {
  const review = (token: string) => client.create<unknown>(TOKEN_REVIEWS, tokenReview(token, identityAudience))
  const pod = ({ namespace, pod: { name } }: CallerFacts) =>
    client.get<unknown>(objectPath(pods(namespace), name)).catch(absent)

  async function ask(
    request: LiveRequest,
    { cluster }: CallerFacts,
    question: () => Promise<Refusal | undefined>,
  ): Promise<Refusal | undefined> {
    try {
      return await question()
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error
      onFailure(cluster, request)
      log.error({ err: error, cluster, request }, 'the API server did not answer, so nobody is believed')
      return unavailable(cluster, error)
    }
  }

  return async (token, facts) =>
    (await ask('tokenreview', facts, async () => reviewProblem(await review(token), facts, identityAudience))) ??
    (await ask('pod', facts, async () => podProblem(await pod(facts), facts, identityAudience)))
}

function absent(error: unknown): undefined {
  if (!isNotFound(error)) throw error
}

/** Passes by itself, but for a role that is missing, which the log names. */
function unavailable(cluster: string, { status }: KubernetesError): Refusal {
  const what =
    status === 401 || status === 403
      ? "refuses the signer, whose role or token is not as the chart makes it; see the signer's log"
      : status === 429
        ? 'has too much to do'
        : `does not answer as it should (${status ?? 'no connection'})`
  return refuse('cluster-unavailable', `the API server of cluster ${cluster} ${what}; try again`)
}

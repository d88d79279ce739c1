/** Authenticates callers as their cluster's mode says: by keys alone, or by keys first and then by asking the cluster. */
import type { CallerFacts } from '../../contract.ts'
import { isRefusal, type Refusal } from '../../errors.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import { CLUSTER_JWKS } from '../../kubernetes/object.ts'
import type { SignerSettings } from '../config-file.ts'
import { type Authenticate, type CallerDeps, createJwksCaller } from './jwks.ts'
import { createLiveCheck, type LiveRequest } from './live.ts'

export interface AuthenticateDeps extends Omit<CallerDeps, 'fetchOwnKeys'> {
  /** The cluster that the signer runs in; needed where a cluster's mode is `tokenReview`. */
  client: KubernetesClient | undefined
  onLiveFailure(cluster: string, request: LiveRequest): void
}

/** @throws as {@link createJwksCaller} */
export async function createAuthenticate(
  settings: Pick<SignerSettings, 'clusters' | 'identityAudience'>,
  { client, onLiveFailure, ...deps }: AuthenticateDeps,
): Promise<Authenticate> {
  if (client === undefined) return createJwksCaller(settings, deps)
  const fetchOwnKeys = async () => JSON.stringify(await client.get<unknown>(CLUSTER_JWKS))
  const offline = await createJwksCaller(settings, { ...deps, fetchOwnKeys })
  const { clusters, identityAudience } = settings
  const reviewed = new Set(clusters.filter(({ mode }) => mode === 'tokenReview').map(({ name }) => name))
  const problemOf = createLiveCheck({ client, identityAudience, log: deps.log, onFailure: onLiveFailure })

  return async (subjectToken): Promise<CallerFacts | Refusal> => {
    const facts = await offline(subjectToken)
    if (isRefusal(facts) || !reviewed.has(facts.cluster)) return facts
    return (await problemOf(subjectToken, facts)) ?? { ...facts, isConfirmed: true }
  }
}

/** Computes the `sub` of a token from facts that the API server vouches for. Pure. */
import type { CallerFacts } from '../contract.ts'
import { type Refusal, refuse } from '../errors.ts'

/** AWS takes no subject under six characters, GCP none over 127 bytes. */
const BYTES = { minimum: 6, maximum: 127 } as const

/**
 * `<organization>:<namespace>:<service account>`: a colon is illegal in all three, so two callers never share one.
 * @returns a refusal that shows the computed value when it is not 6 to 127 bytes; it is never cut
 */
export function subjectOf(
  organization: string,
  facts: Pick<CallerFacts, 'namespace' | 'serviceAccount'>,
): string | Refusal {
  const subject = `${organization}:${facts.namespace}:${facts.serviceAccount.name}`
  // Kubernetes names are ASCII, so characters are bytes.
  if (subject.length >= BYTES.minimum && subject.length <= BYTES.maximum) return subject
  return refuse(
    'subject-not-usable',
    `the subject ${subject} has ${subject.length} bytes and relying parties accept ${BYTES.minimum} to ${BYTES.maximum}; use a service account or organization with a ${subject.length < BYTES.minimum ? 'longer' : 'shorter'} name`,
  )
}

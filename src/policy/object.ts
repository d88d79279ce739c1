/** Reads an AudiencePolicy as the API server keeps it; what holds for a document in a file holds here. Pure. */
import { type AudiencePolicy, POLICY_API_VERSION, POLICY_KIND, parsePolicies } from './document.ts'

export interface PolicyReading {
  name: string
  policy?: AudiencePolicy
  /** A sentence each, such as `spec.effect must be Allow or Deny`. */
  problems: readonly string[]
}

/** @param object its `metadata.name` is there, as in everything that the API server keeps; `status` is not read */
export function readPolicyObject(object: { metadata: { name: string }; spec?: unknown }): PolicyReading {
  const { name } = object.metadata
  const document = { apiVersion: POLICY_API_VERSION, kind: POLICY_KIND, metadata: { name }, spec: object.spec }
  // JSON is YAML on one line, which the problems begin with.
  const { policies, problems } = parsePolicies(JSON.stringify(document), name)
  const [policy] = policies
  const sentences = problems.map((problem) => problem.replace(`${name}:1: `, ''))
  return policy === undefined ? { name, problems: sentences } : { name, policy, problems: sentences }
}

/** What an installation adds to every decision: its names, its signer and its policies. Pure. */
import type { AudiencePolicy } from '../policy/document.ts'
import type { Allotment } from './value.ts'

export type PolicyCheck = 'refuse' | 'warn' | 'off'

export interface InjectionContext {
  /** Annotation prefix with its trailing slash. */
  prefix: string
  /** Image of our containers. */
  image: string
  /** For the status annotation. */
  version: string
  /** `caBundle` is PEM; absent means the public roots. */
  signer: { url: string; caBundle?: string }
  /** What our containers get where no annotation says otherwise. */
  resources?: { cpu?: Allotment; memory?: Allotment }
  /** Audience of the identity token that our containers show the signer. */
  identityAudience: string
  policyCheck: PolicyCheck
  policies: readonly AudiencePolicy[]
  /** Audiences that nobody gets: the API server's and {@link identityAudience}. */
  reserved: ReadonlySet<string>
}

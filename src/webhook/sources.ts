/** The files that the webhook lives by: opened together, kept up to date, and joined with its configuration. */
import { type TlsSource, watchTls } from '../certificate/directory.ts'
import { ProjectorError } from '../errors.ts'
import type { Log } from '../log.ts'
import { WELL_KNOWN_RESERVED_AUDIENCES } from '../policy/decide.ts'
import { type PolicySource, watchPolicyFile } from '../policy/file.ts'
import { VERSION } from '../version.ts'
import type { WebhookConfig } from './config.ts'
import type { InjectionContext } from './context.ts'
import { type BundleSource, watchSignerCa } from './signer-ca.ts'

export interface Sources {
  tls: TlsSource
  signerCa: BundleSource | undefined
  policy: PolicySource | undefined
}

/** Opens all or none. @throws ProjectorError `configuration-invalid` with the problems of every file */
export async function openSources(config: WebhookConfig, log: Log): Promise<Sources> {
  const results = await Promise.allSettled([
    watchTls(config.TLS_DIRECTORY, log),
    config.SIGNER_CA_FILE === undefined ? undefined : watchSignerCa(config.SIGNER_CA_FILE, log),
    config.POLICY_FILE === undefined ? undefined : watchPolicyFile(config.POLICY_FILE, log),
  ])
  const [tls, signerCa, policy] = results
  if (tls.status === 'fulfilled' && signerCa.status === 'fulfilled' && policy.status === 'fulfilled') {
    return { tls: tls.value, signerCa: signerCa.value, policy: policy.value }
  }
  await Promise.all(results.map((result) => (result.status === 'fulfilled' ? result.value?.close() : undefined)))
  throw oneFault(results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : [])))
}

/** Several mistakes of configuration are one fault that names them all; anything else is told as it is. */
function oneFault(faults: readonly unknown[]): unknown {
  const other = faults.find((fault) => !(fault instanceof ProjectorError))
  if (other !== undefined) return other
  const [first, ...more] = faults as ProjectorError[]
  if (first === undefined || more.length === 0) return first
  const messages = [first, ...more].map(({ message }) => message)
  return new ProjectorError(first.reason, messages.join('; '), { cause: new AggregateError(faults) })
}

export async function closeSources({ tls, signerCa, policy }: Sources): Promise<void> {
  await Promise.all([tls.close(), signerCa?.close(), policy?.close()])
}

/** What holds now. */
export function contextOf(config: WebhookConfig, { signerCa, policy }: Sources): InjectionContext {
  const caBundle = signerCa?.current()
  return {
    prefix: config.ANNOTATION_PREFIX,
    image: config.SIDECAR_IMAGE,
    version: VERSION,
    signer: caBundle === undefined ? { url: config.SIGNER_URL } : { url: config.SIGNER_URL, caBundle },
    identityAudience: config.IDENTITY_AUDIENCE,
    policyCheck: config.POLICY_CHECK,
    policies: policy?.current() ?? [],
    reserved: new Set([...WELL_KNOWN_RESERVED_AUDIENCES, config.IDENTITY_AUDIENCE, ...config.RESERVED_AUDIENCES]),
  }
}

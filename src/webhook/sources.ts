/** What the webhook lives by, from files or from the cluster: opened together, kept up to date, joined with its configuration. */
import { openTls } from '../certificate/open.ts'
import type { SecretTlsDeps } from '../certificate/secret.ts'
import type { TlsSource } from '../certificate/source.ts'
import { ProjectorError } from '../errors.ts'
import { connect } from '../kubernetes/client.ts'
import type { Log } from '../log.ts'
import { followPolicies } from '../policy/cluster.ts'
import { WELL_KNOWN_RESERVED_AUDIENCES } from '../policy/decide.ts'
import { type PolicySource, watchPolicyFile } from '../policy/file.ts'
import { VERSION } from '../version.ts'
import type { WebhookConfig } from './config.ts'
import { configurationPlace } from './configuration.ts'
import type { InjectionContext } from './context.ts'
import { type BundleSource, followSignerCa, watchSignerCa } from './signer-ca.ts'

export interface Sources {
  tls: TlsSource
  signerCa: BundleSource | undefined
  policy: PolicySource | undefined
}

export interface SourceDeps {
  log: Log
  /** Unix milliseconds. */
  now(): number
  /** Uniform in [0, 1). */
  random(): number
}

/**
 * Opens all or none. Files must be usable now; what the cluster has not got yet is waited for, see {@link unready}.
 * @throws ProjectorError `configuration-invalid` with the problems of every file
 */
export async function openSources(config: WebhookConfig, deps: SourceDeps): Promise<Sources> {
  const cluster = needsCluster(config) ? { ...deps, client: await connect(config.KUBECONFIG) } : undefined
  const results = await Promise.allSettled([
    openTls(config, deps.log, ownerOf(config, cluster)),
    openSignerCa(config, deps.log, cluster),
    openPolicy(config, deps.log, cluster),
  ])
  const [tls, signerCa, policy] = results
  if (tls.status === 'fulfilled' && signerCa.status === 'fulfilled' && policy.status === 'fulfilled') {
    return { tls: tls.value, signerCa: signerCa.value, policy: policy.value }
  }
  await Promise.all(results.map((result) => (result.status === 'fulfilled' ? result.value?.close() : undefined)))
  throw oneFault(results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : [])))
}

function needsCluster(config: WebhookConfig): boolean {
  return (
    config.TLS_SECRET !== undefined ||
    config.SIGNER_CA_CONFIGMAP !== undefined ||
    (config.POLICY_FILE === undefined && config.POLICY_CHECK !== 'off')
  )
}

function ownerOf({ WEBHOOK_CONFIGURATION: name }: WebhookConfig, deps: SecretTlsDeps | undefined) {
  if (name === undefined || deps === undefined) return undefined
  // Only the API server trusts this CA, and it learns of another one at once.
  return { commonName: 'token-projector webhook', place: configurationPlace(name), whenLost: 'remake', deps } as const
}

async function openSignerCa(config: WebhookConfig, log: Log, cluster: SecretTlsDeps | undefined) {
  const { SIGNER_CA_FILE: file, SIGNER_CA_CONFIGMAP: name, NAMESPACE: namespace } = config
  if (file !== undefined) return watchSignerCa(file, log)
  if (name === undefined || namespace === undefined || cluster === undefined) return undefined
  return followSignerCa(namespace, name, cluster)
}

async function openPolicy(config: WebhookConfig, log: Log, cluster: SecretTlsDeps | undefined) {
  if (config.POLICY_FILE !== undefined) return watchPolicyFile(config.POLICY_FILE, log)
  return config.POLICY_CHECK === 'off' || cluster === undefined ? undefined : followPolicies(cluster)
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

/** Why no review can be answered yet, everything that is missing, or undefined. */
export function unready({ tls, signerCa, policy }: Sources): string | undefined {
  return missing([tls, signerCa, policy])
}

function missing(sources: readonly ({ unready(): string | undefined } | undefined)[]): string | undefined {
  const reasons = sources.flatMap((source) => source?.unready() ?? [])
  return reasons.length === 0 ? undefined : reasons.join('; ')
}

/** What holds now. @throws ProjectorError `not-ready` while something that every pod needs is missing */
export function contextOf(config: WebhookConfig, { signerCa, policy }: Sources): InjectionContext {
  const reason = missing([signerCa, policy])
  // A pod that was injected without the signer's CA, or past policies that are not read yet, would be the worse answer.
  if (reason !== undefined) throw new ProjectorError('not-ready', `the webhook is not ready: ${reason}`)
  const caBundle = signerCa?.current()
  return {
    prefix: config.ANNOTATION_PREFIX,
    image: config.SIDECAR_IMAGE,
    version: VERSION,
    signer: caBundle === undefined ? { url: config.SIGNER_URL } : { url: config.SIGNER_URL, caBundle },
    resources: resourcesOf(config),
    identityAudience: config.IDENTITY_AUDIENCE,
    policyCheck: config.POLICY_CHECK,
    policies: policy?.current() ?? [],
    reserved: new Set([...WELL_KNOWN_RESERVED_AUDIENCES, config.IDENTITY_AUDIENCE, ...config.RESERVED_AUDIENCES]),
  }
}

function resourcesOf({
  SIDECAR_CPU: cpu,
  SIDECAR_MEMORY: memory,
}: WebhookConfig): InjectionContext['resources'] & object {
  return { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) }
}

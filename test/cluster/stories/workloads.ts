/** Objects that the stories ask tokens with: the audience policy, and every kind of workload. */
import { IMAGE_NODE, TOKENS_DIRECTORY } from '../../../src/contract.ts'
import { VERSION } from '../../../src/version.ts'
import { PROBE_IMAGE } from '../image.ts'

export const TEAM = 'payments'
export const AUDIENCE = 'ledger.example.com'
const PREFIX = 'token-projector.dev/'

export const namespace = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })

export const policy = (name: string, audiences: readonly string[], more: object = {}) => ({
  apiVersion: 'token-projector.dev/v1alpha1',
  kind: 'AudiencePolicy',
  metadata: { name },
  spec: { effect: 'Allow', from: { namespaces: [TEAM], serviceAccounts: ['*'] }, to: { audiences }, ...more },
})

/** Annotations by their names without the prefix. */
export const asking = (annotations: Record<string, string> = { audience: AUDIENCE }) =>
  Object.fromEntries(Object.entries(annotations).map(([name, value]) => [PREFIX + name, value]))

/** Stays until it is told to stop. */
export const application = { name: 'app', image: PROBE_IMAGE, args: ['sleep'] }
/** Goes on when it is told to stop, until it is killed. */
export const stubborn = {
  name: 'app',
  image: `token-projector:${VERSION}`,
  command: [IMAGE_NODE, '--eval', "process.on('SIGTERM', () => {}); setInterval(() => {}, 3_600_000)"],
}
/** Prints its token and ends. */
export const reader = { name: 'app', image: PROBE_IMAGE, args: ['read', `${TOKENS_DIRECTORY}/default`] }

export interface Template {
  annotations?: Record<string, string>
  /** Merged over the pod's specification. */
  spec?: object
}

const template = (name: string, { annotations = asking(), spec = {} }: Template = {}) => ({
  metadata: { labels: { app: name }, annotations },
  spec: { terminationGracePeriodSeconds: 5, containers: [application], ...spec },
})

export const pod = (name: string, changes: Template & { namespace?: string } = {}) => {
  const { metadata, spec } = template(name, changes)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name, namespace: changes.namespace ?? TEAM },
    spec,
  }
}

export const workload = (kind: 'Deployment' | 'StatefulSet' | 'DaemonSet', name: string, changes: Template = {}) => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name, namespace: TEAM },
  spec: { selector: { matchLabels: { app: name } }, template: template(name, changes) },
})

const jobSpec = (name: string) => ({
  backoffLimit: 0,
  template: template(name, { spec: { restartPolicy: 'Never', containers: [reader] } }),
})

export const job = (name: string) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace: TEAM },
  spec: jobSpec(name),
})

export const everyMinute = (name: string) => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name, namespace: TEAM },
  spec: { schedule: '* * * * *', concurrencyPolicy: 'Forbid', jobTemplate: { spec: jobSpec(name) } },
})

/** Builds our containers and volumes from settings. Pure. */
import {
  FETCH_CONTAINER,
  IDENTITY_DIRECTORY,
  IDENTITY_TOKEN_FILE,
  IDENTITY_TTL_SECONDS,
  IDENTITY_VOLUME,
  IMAGE_NODE,
  IMAGE_SIDECAR,
  IMAGE_WAIT,
  SIDECAR_CONTAINER,
  SIDECAR_OPS_PORT,
  SIDECAR_VARIABLE,
  type SidecarConfig,
  TOKENS_DIRECTORY,
  TOKENS_VOLUME,
} from '../contract.ts'
import type { InjectionContext } from './context.ts'
import type { PodFacts } from './facts.ts'
import type { JsonObject } from './json.ts'
import { resourcesOf } from './resources.ts'
import type { Settings } from './settings.ts'

/** The user of our image, where the pod has no one user that we could share. */
const OWN_USER_ID = 65_532
/** SIGUSR1 would open the inspector to whoever shares the process namespace. */
const NODE = [IMAGE_NODE, '--disable-sigusr1'] as const

/** Readable by our containers' user, whoever that is; nobody else mounts it. 0644, which JSON cannot write in octal. */
const IDENTITY_MODE = 0o644

export const IDENTITY_MOUNT = { name: IDENTITY_VOLUME, mountPath: IDENTITY_DIRECTORY, readOnly: true } as const
export const OWN_TOKENS_MOUNT = { name: TOKENS_VOLUME, mountPath: TOKENS_DIRECTORY } as const
export const TOKENS_MOUNT = { ...OWN_TOKENS_MOUNT, readOnly: true } as const

/** The identity token for us, and a folder in memory for the tokens; 1Mi holds every file three times over. */
export function volumesOf(identityAudience: string): JsonObject[] {
  const serviceAccountToken = {
    audience: identityAudience,
    expirationSeconds: IDENTITY_TTL_SECONDS,
    path: IDENTITY_TOKEN_FILE.slice(IDENTITY_DIRECTORY.length + 1),
  }
  return [
    { name: IDENTITY_VOLUME, projected: { defaultMode: IDENTITY_MODE, sources: [{ serviceAccountToken }] } },
    { name: TOKENS_VOLUME, emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
  ]
}

/** Our containers in their order: the sidecar, behind the fetching one where the start says so. */
export function ownContainers(settings: Settings, facts: PodFacts, context: InjectionContext): JsonObject[] {
  const program = { image: context.image, command: [...NODE, IMAGE_SIDECAR] }
  const common = commonParts(settings, facts, context)
  const hook = { postStart: { exec: { command: [...NODE, IMAGE_WAIT] } } }
  const sidecar = {
    name: SIDECAR_CONTAINER,
    ...program,
    args: ['run'],
    restartPolicy: 'Always',
    ...(settings.start === 'hook' ? { lifecycle: hook } : {}),
    ...common,
  }
  return settings.start === 'init'
    ? [{ name: FETCH_CONTAINER, ...program, args: ['once'], ...common }, sidecar]
    : [sidecar]
}

function commonParts(settings: Settings, facts: PodFacts, context: InjectionContext): JsonObject {
  return {
    env: [
      { name: SIDECAR_VARIABLE, value: configurationText(settings, facts, context) },
      { name: 'NODE_OPTIONS', value: '' },
    ],
    volumeMounts: [IDENTITY_MOUNT, OWN_TOKENS_MOUNT],
    resources: resourcesOf(settings, facts, context.resources),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: facts.commonUserId ?? OWN_USER_ID,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    // The kubelet's event says only that the hook failed; the last log line says why.
    terminationMessagePolicy: 'FallbackToLogsOnError',
  }
}

/** The kubelet expands `$(NAME)` in values, so no dollar sign may be seen in this one. */
function configurationText(settings: Settings, facts: PodFacts, context: InjectionContext): string {
  return JSON.stringify(configurationOf(settings, facts, context)).replaceAll('$', '\\u0024')
}

function configurationOf(settings: Settings, facts: PodFacts, { signer }: InjectionContext): SidecarConfig {
  return {
    version: 1,
    signer: signer.caBundle === undefined ? { url: signer.url } : { url: signer.url, caBundle: signer.caBundle },
    identityTokenFile: IDENTITY_TOKEN_FILE,
    directory: TOKENS_DIRECTORY,
    fileMode: settings.fileMode,
    // On the node's own network the port would be taken by the first such pod; 0 means none.
    opsPort: facts.hostNetwork ? 0 : SIDECAR_OPS_PORT,
    tokens: settings.tokens.map(({ name, audience, ttlSeconds }) => ({ name, audience, ttlSeconds })),
    files: settings.files,
    startDeadlineSeconds: settings.startDeadlineSeconds,
    localApi: [],
  }
}

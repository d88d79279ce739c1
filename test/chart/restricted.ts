/** Judges pods by the Pod Security Standard "restricted", from its published list of controls. Pure. */
import type { Manifest, Rendered } from './helm.ts'

export interface PodTemplate {
  owner: string
  spec: Manifest
}

/** Every pod and pod template among the objects. */
export function podTemplates(rendered: readonly Rendered[]): PodTemplate[] {
  return rendered.flatMap(({ manifest }) => {
    const spec: Manifest | undefined = manifest['kind'] === 'Pod' ? manifest['spec'] : manifest['spec']?.template?.spec
    const component = manifest['metadata'].labels['app.kubernetes.io/component']
    return spec === undefined ? [] : [{ owner: `${manifest['kind']} ${component}`, spec }]
  })
}

const ALLOWED_VOLUMES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]

/** What the standard would refuse, a phrase each. */
export function restrictedProblems({ owner, spec }: PodTemplate): string[] {
  const pod = spec['securityContext'] ?? {}
  const problems = ['hostNetwork', 'hostPID', 'hostIPC'].filter((key) => spec[key])
  for (const { name, ...source } of (spec['volumes'] ?? []) as Manifest[]) {
    const type = Object.keys(source)[0] ?? ''
    if (!ALLOWED_VOLUMES.includes(type)) problems.push(`volume ${name}: ${type}`)
  }
  for (const container of [...(spec['initContainers'] ?? []), ...spec['containers']] as Manifest[]) {
    problems.push(...containerProblems(container, pod).map((problem) => `${container['name']}: ${problem}`))
  }
  return problems.map((problem) => `${owner}: ${problem}`)
}

function containerProblems(container: Manifest, pod: Manifest): string[] {
  const own: Manifest = container['securityContext'] ?? {}
  const effective = { ...pod, ...own }
  const checks: Record<string, boolean> = {
    allowPrivilegeEscalation: own['allowPrivilegeEscalation'] === false,
    capabilities: own['capabilities']?.drop?.includes('ALL') === true && own['capabilities'].add === undefined,
    privileged: own['privileged'] !== true,
    runAsNonRoot: effective['runAsNonRoot'] === true,
    runAsUser: effective['runAsUser'] !== 0,
    seccompProfile: ['RuntimeDefault', 'Localhost'].includes(effective['seccompProfile']?.type),
    hostPort: !((container['ports'] ?? []) as Manifest[]).some(({ hostPort }) => hostPort),
    probeHost: !JSON.stringify([container['livenessProbe'], container['lifecycle']]).includes('"host"'),
  }
  return Object.keys(checks).filter((name) => !checks[name])
}

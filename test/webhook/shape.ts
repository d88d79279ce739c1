/** Checks that a pod is one that the API server takes, as far as injection can break that. */
import type { JsonObject } from '../../src/webhook/json.ts'

interface Container {
  name: string
  env?: { name: string; value?: string; valueFrom?: object }[] | null
  volumeMounts?: { name: string; mountPath: string }[]
  restartPolicy?: string
  lifecycle?: object
  command?: string[]
}

interface Spec {
  volumes?: { name: string }[]
  initContainers?: Container[]
  containers: Container[]
}

/** What the API server would say, a sentence each. */
export function complaintsAbout(pod: JsonObject): string[] {
  const spec = pod['spec'] as unknown as Spec
  const volumes = (spec.volumes ?? []).map(({ name }) => name)
  const containers = [...(spec.initContainers ?? []), ...spec.containers]
  return [
    ...repeated(volumes, 'volume'),
    ...repeated(
      containers.map(({ name }) => name),
      'container',
    ),
    ...containers.flatMap((container) => complaintsAboutContainer(container, volumes)),
    ...(spec.initContainers ?? []).flatMap(({ name, restartPolicy, lifecycle }) =>
      lifecycle !== undefined && restartPolicy !== 'Always' ? [`${name}: lifecycle without restartPolicy Always`] : [],
    ),
    ...spec.containers.flatMap(({ name, restartPolicy }) =>
      restartPolicy === undefined ? [] : [`${name}: restartPolicy on an ordinary container`],
    ),
  ]
}

function complaintsAboutContainer(container: Container, volumes: readonly string[]): string[] {
  const { name, volumeMounts = [], env } = container
  return [
    ...repeated(
      volumeMounts.map(({ mountPath }) => mountPath),
      `${name}: mount path`,
    ),
    ...volumeMounts.filter((mount) => !volumes.includes(mount.name)).map((mount) => `${name}: no volume ${mount.name}`),
    ...(env ?? [])
      .filter((entry) => entry.value !== undefined && entry.valueFrom !== undefined)
      .map((entry) => `${name}: ${entry.name} has a value and a source`),
  ]
}

function repeated(names: readonly string[], what: string): string[] {
  return names.filter((name, index) => names.indexOf(name) !== index).map((name) => `${what} ${name} twice`)
}

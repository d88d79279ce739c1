/** Decides where each volume of a pod lies locally, and which paths of a container lead there. Pure. */
import { IDENTITY_TTL_SECONDS, IDENTITY_VOLUME } from '../../contract.ts'
import { type Refusal, refuse } from '../../errors.ts'
import { isObject, type JsonObject } from '../../webhook/json.ts'
import { text } from '../workload.ts'
import { isWithin, type Mapping, trimSlash } from './paths.ts'

/** The identity token that the pod's volume asks for. */
export interface IdentityProjection {
  /** Local. */
  file: string
  audience: string
  ttlSeconds: number
}

/** The volumes that a local process can have. */
export interface LocalVolumes {
  /** Folder of each volume that we can play, by the volume's name. */
  folders: ReadonlyMap<string, string>
  /** The kind of each that we cannot play. */
  foreign: ReadonlyMap<string, string>
  identity: IdentityProjection | undefined
}

const SAFE_NAME = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/

/** @param root local folder, absolute, that will hold one folder per volume */
export function volumesOf(spec: JsonObject, root: string): LocalVolumes {
  const folders = new Map<string, string>()
  const foreign = new Map<string, string>()
  let identity: IdentityProjection | undefined
  for (const volume of listOf(spec['volumes'])) {
    const name = text(volume['name']) ?? ''
    const folder = `${root}/${name}`
    const projection = name === IDENTITY_VOLUME ? identityOf(volume, folder) : undefined
    const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'nothing'
    if (projection !== undefined) identity = projection
    if (SAFE_NAME.test(name) && (kind === 'emptyDir' || projection !== undefined)) folders.set(name, folder)
    else foreign.set(name, kind)
  }
  return { folders, foreign, identity }
}

function identityOf(volume: JsonObject, folder: string): IdentityProjection | undefined {
  const projected = isObject(volume['projected']) ? volume['projected'] : {}
  const [source] = listOf(projected['sources'])
  const request = source?.['serviceAccountToken']
  if (!isObject(request)) return undefined
  const audience = text(request['audience'])
  const path = text(request['path']) ?? 'token'
  if (audience === undefined || !isInside(path)) return undefined
  const ttlSeconds = request['expirationSeconds']
  return {
    file: `${folder}/${path}`,
    audience,
    ttlSeconds: typeof ttlSeconds === 'number' ? ttlSeconds : IDENTITY_TTL_SECONDS,
  }
}

/**
 * The paths of `container` that lead into local folders.
 * @param given mappings of a person; a mount at or below one of them is theirs
 * @returns a refusal for each mount that neither we nor they can play
 */
export function mappingsOf(
  container: JsonObject,
  volumes: LocalVolumes,
  given: readonly Mapping[],
): { mappings: Mapping[]; refusals: Refusal[] } {
  const mappings: Mapping[] = [...given]
  const refusals: Refusal[] = []
  for (const mount of listOf(container['volumeMounts'])) {
    const containerPath = trimSlash(String(mount['mountPath'] ?? ''))
    if (given.some((mapping) => isWithin(containerPath, mapping.containerPath))) continue
    const localPath = localPathOf(mount, volumes)
    if (localPath !== undefined && containerPath.startsWith('/')) mappings.push({ containerPath, localPath })
    else refusals.push(cannotPlay(String(container['name']), containerPath, mount, volumes))
  }
  return { mappings, refusals }
}

function localPathOf(mount: JsonObject, volumes: LocalVolumes): string | undefined {
  const folder = volumes.folders.get(String(mount['name']))
  if (folder === undefined || mount['subPathExpr'] !== undefined) return undefined
  const subPath = text(mount['subPath'])
  if (subPath === undefined) return folder
  return isInside(subPath) ? `${folder}/${trimSlash(subPath)}` : undefined
}

function cannotPlay(container: string, path: string, mount: JsonObject, volumes: LocalVolumes): Refusal {
  const name = String(mount['name'])
  const kind = volumes.foreign.get(name)
  const why =
    kind !== undefined
      ? `a ${kind} volume cannot be played by local folders`
      : volumes.folders.has(name)
        ? 'its subPath cannot be played'
        : 'the pod has no such volume'
  return refuse(
    'input-malformed',
    `container ${container} mounts ${name} at ${path}, and ${why}; give a local folder with --map ${path}=LOCAL_PATH`,
  )
}

/** Kubernetes forbids such sub-paths too; here they would leave the private folder. */
function isInside(path: string): boolean {
  return !path.startsWith('/') && !path.split('/').includes('..')
}

export function listOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

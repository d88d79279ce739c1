/** Mounts our volumes where they belong, and finds them where they do not. Pure. */
import { IDENTITY_VOLUME, TOKENS_VOLUME } from '../contract.ts'
import { type Refusal, refuse } from '../errors.ts'
import type { Ensured } from './ensure.ts'
import { nameOf } from './facts.ts'
import { type JsonObject, listAt, memberOf } from './json.ts'

const VOLUMES: readonly string[] = [IDENTITY_VOLUME, TOKENS_VOLUME]

export function mountsOf(container: JsonObject): JsonObject[] {
  return listAt(container, 'volumeMounts', `volumeMounts of container ${nameOf(container)}`)
}

/** The mounts of `container` and each of `ours`, once. */
export function ensureMounts(container: JsonObject, ours: readonly JsonObject[]): Ensured<JsonObject[]> {
  const mounts = mountsOf(container)
  const missing: JsonObject[] = []
  const refusals: Refusal[] = []
  for (const mount of ours) {
    const theirs = mounts.find((each) => mountPathOf(each) === mountPathOf(mount))
    if (theirs === undefined) missing.push(mount)
    else if (!isSameMount(theirs, mount)) refusals.push(taken(container, mount))
  }
  return { value: [...mounts, ...missing], refusals }
}

/** Mounts of our volumes at other places than those of `allowed`: a container that could write tokens, or read our identity. */
export function foreignMounts(container: JsonObject, allowed: readonly JsonObject[]): Refusal[] {
  return mountsOf(container)
    .filter((mount) => VOLUMES.includes(String(mount['name'])))
    .filter((mount) => !allowed.some((each) => mountPathOf(each) === mountPathOf(mount)))
    .map((mount) =>
      refuse(
        'reserved-name',
        `container ${nameOf(container)} mounts the volume ${mount['name']} at ${mount['mountPath']}; that volume is token-projector's, remove the mount`,
      ),
    )
}

export function isSameMount(theirs: JsonObject, ours: JsonObject): boolean {
  const isReadOnly = (mount: JsonObject) => memberOf(mount, 'readOnly') === true
  const isPart = memberOf(theirs, 'subPath') ?? memberOf(theirs, 'subPathExpr') ?? ''
  return theirs['name'] === ours['name'] && isReadOnly(theirs) === isReadOnly(ours) && isPart === ''
}

function taken(container: JsonObject, { name, mountPath, readOnly }: JsonObject): Refusal {
  const access = readOnly === true ? 'read-only' : 'writable'
  return refuse(
    'reserved-name',
    `container ${nameOf(container)} has a mount of its own at ${mountPath}, where token-projector mounts its volume ${name} ${access}; use another path`,
  )
}

export function mountPathOf(mount: JsonObject): string {
  return String(mount['mountPath']).replace(/\/+$/, '')
}

/** Reads the paired fixtures: a pod, and what becomes of it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { JsonObject } from '../../src/webhook/json.ts'
import type { Operation } from '../../src/webhook/patch.ts'

const FOLDER = new URL('../fixtures/pods/', import.meta.url)

export interface Fixture {
  name: string
  /** The one feature that this pod alone has. */
  feature: string
  pod: JsonObject
  /** Empty where the pod stays as it is. */
  patch?: Operation[]
  refusals?: { reason: string; message: string }[]
}

/** Every fixture, by name. @throws Error where a pod has not exactly one expectation, or an expectation no pod */
export function readFixtures(): Fixture[] {
  const files = readdirSync(FOLDER).sort()
  const names = files.filter((file) => file.endsWith('.yaml')).map((file) => file.slice(0, -'.yaml'.length))
  const orphans = files.filter((file) => !names.some((name) => isOf(file, name)))
  if (orphans.length > 0) throw new Error(`fixtures without a pod: ${orphans.join(', ')}`)
  return names.map(readFixture)
}

function isOf(file: string, name: string): boolean {
  return [`${name}.yaml`, `${name}.patch.json`, `${name}.refusal.json`].includes(file)
}

function readFixture(name: string): Fixture {
  const text = readFileSync(new URL(`${name}.yaml`, FOLDER), 'utf8')
  const feature = /^# feature: (.+)$/m.exec(text)?.[1]
  if (feature === undefined || !text.startsWith('# feature: ')) throw new Error(`${name}.yaml names no feature`)
  const patch = readJson(`${name}.patch.json`)
  const refusals = readJson(`${name}.refusal.json`)
  if ((patch === undefined) === (refusals === undefined)) throw new Error(`${name} needs a patch or a refusal`)
  const pod = parse(text) as JsonObject
  return patch === undefined
    ? { name, feature, pod, refusals: refusals as Fixture['refusals'] & object }
    : { name, feature, pod, patch: patch as Operation[] }
}

function readJson(file: string): unknown {
  const url = new URL(file, FOLDER)
  return existsSync(url) ? JSON.parse(readFileSync(url, 'utf8')) : undefined
}

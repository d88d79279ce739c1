/** Reads the policy file, watches it, and keeps the last valid form of every policy in force. */
import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { ProjectorError } from '../errors.ts'
import type { Log } from '../log.ts'
import { watchDirectory } from '../watch.ts'
import { type AudiencePolicy, type ParsedPolicies, parsePolicies } from './document.ts'
import { keepLastValid } from './keep.ts'

/** Policies that are kept up to date. */
export interface PolicySource {
  current(): readonly AudiencePolicy[]
  /** What is wrong with the newest reading, a sentence each. */
  problems(): readonly string[]
  /** Why nothing was read yet, or undefined. */
  unready(): string | undefined
  close(): Promise<void>
}

/**
 * Watches `path`.
 * @throws ProjectorError `configuration-invalid` with every problem when the first reading has any
 */
export async function watchPolicyFile(path: string, log: Log): Promise<PolicySource> {
  const first = await read(path)
  if (first.problems.length > 0) {
    throw new ProjectorError('configuration-invalid', `TOKEN_PROJECTOR_POLICY_FILE: ${first.problems.join('; ')}`)
  }
  let policies: readonly AudiencePolicy[] = first.policies
  let problems: readonly string[] = []
  let shown = JSON.stringify(first)

  async function reload(): Promise<void> {
    const next = await read(path)
    const text = JSON.stringify(next)
    if (text === shown) return
    shown = text
    policies = keepLastValid(policies, next)
    problems = next.problems
    if (problems.length === 0) log.info({ path, policies: policies.length }, 'policy reloaded')
    else log.error({ path, problems }, 'the new policy has mistakes; the last valid form of each rule stays in force')
  }

  const end = await watchDirectory(dirname(path), () => void reload(), log)
  return { current: () => policies, problems: () => problems, unready: () => undefined, close: end }
}

/** A file that cannot be read is a reading with one problem and no readable name. */
async function read(path: string): Promise<ParsedPolicies> {
  try {
    return parsePolicies(await readFile(path, 'utf8'), basename(path))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { policies: [], problems: [`${basename(path)} cannot be read: ${reason}`], invalid: [undefined] }
  }
}

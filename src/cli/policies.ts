/** Reads the policy file that a person names, once. */
import { readFile } from 'node:fs/promises'
import { ProjectorError } from '../errors.ts'
import { type AudiencePolicy, parsePolicies } from '../policy/document.ts'

/** @throws ProjectorError `configuration-invalid` with every problem of the file, a line each */
export async function readPolicies(file: string): Promise<readonly AudiencePolicy[]> {
  const { policies, problems } = parsePolicies(await readText(file), file)
  if (problems.length > 0) throw new ProjectorError('configuration-invalid', problems.join('\n'))
  return policies
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ProjectorError('configuration-invalid', `--policy ${file} cannot be read: ${reason}`, { cause: error })
  }
}

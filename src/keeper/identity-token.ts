/** Reads the token that proves who we are, anew for every request because the kubelet replaces it. */
import { readFileSync } from 'node:fs'
import { ProjectorError } from '../errors.ts'
import { isCompactJwt } from './jwt.ts'

/**
 * Follows links: the kubelet's files are links into a folder that it swaps.
 * @throws ProjectorError `identity-token-unreadable`, whose message names the file and never its content
 */
export function readIdentityToken(path: string): string {
  const text = readText(path).trim()
  if (isCompactJwt(text)) return text
  throw new ProjectorError('identity-token-unreadable', `identity token ${path} is not a JWT`)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as { code?: string }).code ?? 'no code'
    throw new ProjectorError('identity-token-unreadable', `identity token ${path} cannot be read (${code})`, {
      cause: error,
    })
  }
}

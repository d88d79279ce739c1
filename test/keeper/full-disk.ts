/** Fills the volume at the path given, tries to replace the token on it, and prints what became of it as JSON. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ProjectorError } from '../../src/errors.ts'
import { replaceFile } from '../../src/keeper/token-file.ts'

const directory = process.argv[2] ?? ''
const folder = { directory, mode: 0o644, random: Math.random }
const old = 'old.'.repeat(500)

function attempt(text: string): string {
  try {
    replaceFile(folder, 'default', text)
    return 'replaced'
  } catch (error) {
    return error instanceof ProjectorError ? `${error.reason}: ${error.message}` : String(error)
  }
}

function fill(): void {
  try {
    writeFileSync(join(directory, 'filler'), Buffer.alloc(1 << 20))
  } catch {
    // Full is what we want.
  }
}

const first = attempt(old)
fill()
const whileFull = attempt('new.'.repeat(500))
const kept = readFileSync(join(directory, 'default'), 'utf8') === old
const names = readdirSync(directory).sort()
writeFileSync(join(directory, 'filler'), '')
const afterwards = attempt('new.'.repeat(500))
process.stdout.write(JSON.stringify({ first, whileFull, kept, names, afterwards }))

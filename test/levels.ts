/** Runs every level of test in turn and closes with one line that counts them all. */
import { spawn } from 'node:child_process'
import { mkdir, readFile, rm } from 'node:fs/promises'

interface Count {
  passed: number
  failed: number
  skipped: number
}

interface Level {
  name: string
  command: string[]
  /** Counts a finished level; without it the level counts as one. */
  count?: () => Promise<Count>
  /** Why this machine cannot run it. */
  problem?: string | undefined
}

const REPORTS = '.cache/reports'

const levels: Level[] = [
  { name: 'types', command: ['tsc', '--noEmit'] },
  { name: 'style', command: ['biome', 'check', '--error-on-warnings'] },
  vitest('unit and flow'),
  { ...vitest('image', 'test/image/vitest.config.ts'), problem: rootProblem() },
  vitest('chart', 'test/chart/vitest.config.ts'),
  { ...vitest('cluster', 'test/cluster/vitest.config.ts'), problem: rootProblem() },
]

/** Namespaces, mounts and system packages are root's. */
function rootProblem(): string | undefined {
  return process.platform === 'linux' && process.getuid?.() === 0 ? undefined : 'it needs root on Linux'
}

/** A level of tests, by its configuration; the one at the root by default. */
function vitest(name: string, config = 'vitest.config.ts'): Level {
  const report = `${REPORTS}/${name.replaceAll(' ', '-')}.json`
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  return { name, command: ['vitest', 'run', '--config', config, ...reporters], count: () => vitestCount(report) }
}

async function vitestCount(path: string): Promise<Count> {
  const report = JSON.parse(await readFile(path, 'utf8'))
  // A file that cannot be imported holds no test that could fail, so it counts as one itself.
  const brokenFiles = report.testResults.filter(
    (file: { status: string; assertionResults: unknown[] }) =>
      file.status === 'failed' && file.assertionResults.length === 0,
  )
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}

function run(command: string[]): Promise<boolean> {
  const [program = '', ...args] = command
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
    child.on('error', reject)
    child.on('close', (code) => resolve(code === 0))
  })
}

async function runLevel(level: Level): Promise<Count> {
  if (level.problem !== undefined) {
    console.log(`\n── ${level.name}: skipped, ${level.problem}`)
    return { ...NOTHING, skipped: 1 }
  }
  console.log(`\n── ${level.name}`)
  const startedAt = performance.now()
  const ok = await run(level.command)
  const count =
    level.count === undefined ? { passed: 0, failed: 0, skipped: 0 } : await level.count().catch(() => NOTHING)
  if (level.count === undefined) count[ok ? 'passed' : 'failed'] = 1
  // A level that failed without a failing test (a crash, no test at all) is a failure of its own.
  if (!ok && count.failed === 0) count.failed = 1
  console.log(`── ${level.name}: ${ok ? 'ok' : 'FAILED'} in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  return count
}

const NOTHING: Count = { passed: 0, failed: 0, skipped: 0 }

await rm(REPORTS, { recursive: true, force: true })
await mkdir(REPORTS, { recursive: true })
const total = { ...NOTHING }
for (const level of levels) {
  const count = await runLevel(level)
  total.passed += count.passed
  total.failed += count.failed
  total.skipped += count.skipped
}
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0

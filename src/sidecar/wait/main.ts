/** The program behind the pod's postStart hook: small, because the kubelet starts it while everything else waits. */
import { writeSync } from 'node:fs'
import { EXIT, SIDECAR_VARIABLE } from '../../contract.ts'
import { ProjectorError } from '../../errors.ts'
import { parseSidecarConfig } from '../config.ts'
import { wait } from '../wait.ts'

const say = (line: string) => void writeSync(2, `${line}\n`)

try {
  process.exitCode = await wait(parseSidecarConfig(process.env[SIDECAR_VARIABLE]), {
    now: Date.now,
    monotonic: () => performance.now(),
    sleep: (delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs)),
    say,
  })
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = error instanceof ProjectorError ? error.exitCode : EXIT.internal
}

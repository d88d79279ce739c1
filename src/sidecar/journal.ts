/** Turns what the keeper reports into log lines: one for each change, none for more of the same. */
import type { FileState, Report } from '../keeper/loop.ts'
import type { Log } from './log.ts'

const HELD: Record<FileState, string> = {
  absent: 'it is not there yet',
  good: 'the old one stays',
  ending: 'the old one is about to expire',
  expired: 'the old one has expired',
}

/** Tells `log` of each report; a failure that repeats itself word for word is told at level debug. */
export function createJournal(log: Log): (report: Report) => void {
  const lastFailure = new Map<string, string>()
  return (report) => {
    switch (report.kind) {
      case 'found':
        return log('info', `token ${report.token} found in its file, renewing it`, timesOf(report))
      case 'issued':
        lastFailure.delete(report.token)
        return log('info', `token ${report.token} written`, {
          ...timesOf(report),
          renewInSeconds: seconds(report.renewInMs),
        })
      case 'failed': {
        const { token, failure, file, retryInMs } = report
        const line = `token ${token}, ${HELD[file]}: ${failure.message}`
        const isNews = lastFailure.get(token) !== line
        lastFailure.set(token, line)
        const level = file === 'expired' ? 'error' : 'warn'
        const facts = { token, reason: failure.failed, retryInSeconds: seconds(retryInMs) }
        return log(isNews ? level : 'debug', line, facts)
      }
      case 'leapt':
        return log('warn', 'the clock leapt or the machine slept, renewing every token', {
          bySeconds: seconds(report.byMs),
        })
      case 'generation':
        return log('warn', 'the signer has a new generation of keys, renewing every token', {
          generation: report.generation,
        })
    }
  }
}

function timesOf(report: Extract<Report, { kind: 'found' | 'issued' }>) {
  const { token, jti, expiresAt } = report
  return { token, jti, expiresAt: new Date(expiresAt * 1000).toISOString() }
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds / 100) / 10
}

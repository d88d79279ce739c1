/** Namespaces end with what made them, and leave nothing. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { closeNamespaces, isOpen, membersOf, type NamespacesRecord, openNamespaces } from './namespaces.ts'
import { until } from './wait.ts'

const ENVIRONMENT = { PATH: process.env.PATH ?? '' }

async function opened() {
  const namespaces = await openNamespaces('process', ENVIRONMENT)
  onTestFinished(() => closeNamespaces(namespaces.record))
  return namespaces
}

test('a program inside sees processes, interfaces and mounts of its own', async () => {
  const namespaces = await opened()
  expect((await namespaces.run(['ls', '/proc'])).split('\n')).toContain('1')
  expect(await namespaces.run(['cat', '/proc/1/comm'])).toBe('cat\n')
  expect((await namespaces.run(['cat', '/proc/net/dev'])).match(/\w+(?=:)/g)).toEqual(['lo'])
})

test('a program inside gets the variables that it was given and no other', async () => {
  const namespaces = await opened()
  expect(await namespaces.run(['env'])).toBe(`PATH=${ENVIRONMENT.PATH}\n`)
})

test('orphans inside are buried', async () => {
  const namespaces = await opened()
  await namespaces.run(['sh', '-c', '(sh -c "exit 0" & exec sleep 0.01) & exit 0'])
  await until('no process but the first and ps', async () => {
    const states = (await namespaces.run(['ps', '-eo', 'stat,comm', '--no-headers'])).trim().split('\n')
    if (states.length !== 2) throw new Error(states.join('; '))
  })
})

test('closing ends every process inside', async () => {
  const namespaces = await openNamespaces('closed', ENVIRONMENT)
  const background = spawn('nsenter', namespaces.within(['sleep', 'infinity']).slice(1))
  await until('two processes inside', async () => {
    if ((await membersOf(namespaces.record)).length < 4) throw new Error('not yet')
  })
  await closeNamespaces(namespaces.record)
  expect(await membersOf(namespaces.record)).toEqual([])
  expect(await isOpen(namespaces.record)).toBe(false)
  if (background.exitCode === null && background.signalCode === null) await once(background, 'exit')
})

test('they end when their maker is killed', async () => {
  const script = `
    import { openNamespaces } from '${import.meta.dirname}/namespaces.ts'
    const { record } = await openNamespaces('process', process.env)
    process.stdout.write(JSON.stringify(record))
    setInterval(() => {}, 1000)`
  const maker = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(maker.stdout, 'data')
  const record: NamespacesRecord = JSON.parse(String(line))
  expect(await isOpen(record)).toBe(true)
  maker.kill('SIGKILL')
  await until('the end of the namespaces', async () => {
    if ((await membersOf(record)).length > 0) throw new Error('still there')
  })
})

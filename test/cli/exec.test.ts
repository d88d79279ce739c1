/** Shows `exec` with real processes: the real sidecar and the real signer for a pod out of a file. */
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import { AUDIENCE, folderWith, LAUNCHER, launch, podYaml, policyFor } from './launch.ts'

/** The files of one run, and a runtime folder of its own, so that what is left behind is seen. */
function stage(pod: string, policy = policyFor('shop', 'cart', AUDIENCE)) {
  const folder = folderWith({ 'pod.yaml': pod, 'policy.yaml': policy })
  const runtime = folderWith()
  const args = ['exec', '--pod', join(folder, 'pod.yaml'), '--policy', join(folder, 'policy.yaml')]
  const options = { env: { XDG_RUNTIME_DIR: runtime, CANARY_OF_THE_PARENT: 'seen' } }
  const left = () => readdirSync(runtime)
  return { folder, runtime, left, run: (...more: string[]) => launch([...args, ...more], options) }
}

test('an application reads its token where its environment says, and has nothing of the parent’s environment but PATH', async () => {
  const { run, left, runtime } = stage(podYaml({ container: { env: [{ name: 'OWN', value: '$(TOKEN_FILE)?' }] } }))
  const { exitCode, stdout } = await run()
  expect(exitCode).toBe(0)
  const { env, token } = JSON.parse(String(stdout))
  expect(Object.keys(env).sort()).toEqual(['OWN', 'PATH', 'TOKEN_FILE'])
  expect(env.TOKEN_FILE.startsWith(`${runtime}/token-projector-`)).toBe(true)
  expect(decodeJwt(token)).toMatchObject({
    iss: 'https://issuer.token-projector.test',
    sub: 'local:shop:cart',
    aud: AUDIENCE,
    namespace: 'shop',
    pod: 'app',
  })
  expect(left()).toEqual([])
})

test('a command of one’s own runs in its place, options behind it are its own, and its exit code is ours', async () => {
  const { run, left } = stage(podYaml({ container: { command: undefined, env: [{ name: 'WHO', value: 'main' }] } }))
  const { exitCode, stdout, stderr } = await run('sh', '-c', 'echo "$WHO $0"; test -s "$TOKEN_FILE" && exit 42', '-v')
  expect([exitCode, stdout]).toEqual([42, 'main -v\n'])
  expect(stderr).not.toContain('token-projector:')
  expect(left()).toEqual([])
})

test('an init container of the pod has the token, and what it writes the application finds', async () => {
  const mount = { volumeMounts: [{ name: 'work', mountPath: '/scratch' }] }
  const { run } = stage(
    podYaml({
      spec: {
        volumes: [{ name: 'work', emptyDir: {} }],
        initContainers: [
          {
            name: 'init',
            image: 'x',
            command: ['sh', '-c', 'test -s "$TOKEN_FILE" && echo found > /scratch/note'],
            ...mount,
          },
        ],
      },
      container: { command: ['cat', '/scratch/note'], ...mount },
    }),
  )
  const { exitCode, stdout } = await run()
  expect([exitCode, stdout]).toEqual([0, 'found\n'])
})

test('two containers run together, with a hook each of their own', async () => {
  const app = (name: string, exit: number) => ({
    name,
    image: 'x',
    command: ['sh', '-c', `until [ -e /scratch/${name} ]; do sleep 0.05; done; exit ${exit}`],
    lifecycle: { postStart: { exec: { command: ['sh', '-c', `echo > /scratch/${name}`] } } },
    volumeMounts: [{ name: 'work', mountPath: '/scratch' }],
  })
  const { run } = stage(
    podYaml({ spec: { volumes: [{ name: 'work', emptyDir: {} }], containers: [app('a', 0), app('b', 5)] } }),
  )
  expect((await run()).exitCode).toBe(5)
})

test.each(['init', 'now'])('start %s is played too', async (start) => {
  const { run } = stage(podYaml({ annotations: { 'token-projector.dev/start': start } }))
  const wait = 'until [ -s "$TOKEN_FILE" ]; do sleep 0.05; done; echo there'
  const { exitCode, stdout } = await run('--', 'sh', '-c', wait)
  expect([exitCode, stdout]).toEqual([0, 'there\n'])
})

test('a workload’s template is run', async () => {
  const { metadata, spec } = JSON.parse(podYaml())
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'cart', namespace: 'shop' },
    spec: { template: { metadata: { annotations: metadata.annotations }, spec } },
  }
  const { run } = stage(JSON.stringify(deployment))
  const { stdout } = await run()
  expect(decodeJwt(JSON.parse(String(stdout)).token)).toMatchObject({ sub: 'local:shop:cart', pod: 'cart-local' })
})

test('a pod that is injected already is taken as it is, and the signer’s refusal ends it with 77 and the missing rule', async () => {
  const injected = await launch(['inject'], { input: podYaml() })
  const { run, left } = stage(String(injected.stdout), policyFor('other', 'cart', AUDIENCE))
  const { exitCode, stdout, stderr } = await run()
  expect([exitCode, stdout]).toEqual([77, ''])
  expect(stderr).toMatch(/container token-projector .*from\.namespaces \[shop\]/)
  expect(left()).toEqual([])
})

test('an identity token for another audience is refused by the signer', async () => {
  const injected = await launch(['inject', '--identity-audience', 'https://other.example/token'], { input: podYaml() })
  const { run } = stage(String(injected.stdout))
  const { exitCode, stderr } = await run()
  expect(exitCode).toBe(77)
  expect(stderr).toContain('audience')
})

test('a program that is not there ends with 127 and says so', async () => {
  const { run, left } = stage(podYaml())
  const { exitCode, stderr } = await run('--', '/no/such/program')
  expect(exitCode).toBe(127)
  expect(stderr).toContain('/no/such/program is not there')
  expect(left()).toEqual([])
})

test('--env and --map give what only a cluster would have', async () => {
  const { folder, run } = stage(
    podYaml({
      spec: { volumes: [{ name: 'conf', configMap: { name: 'conf' } }] },
      container: {
        env: [{ name: 'P', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }],
        command: ['sh', '-c', 'echo "$P"; cat /etc/conf/policy.yaml'],
        volumeMounts: [{ name: 'conf', mountPath: '/etc/conf' }],
      },
    }),
  )
  const { exitCode, stdout } = await run('--env', 'P=given', '--map', `/etc/conf=${folder}`)
  expect(exitCode).toBe(0)
  expect(stdout).toBe(`given\n${readFileSync(join(folder, 'policy.yaml'), 'utf8')}`)
})

test('--key-file keeps the signing key over runs, and --verbose shows no token', async () => {
  const { folder, run } = stage(podYaml())
  const keyFile = join(folder, 'keys.json')
  const kids = []
  for (let count = 0; count < 2; count += 1) {
    const { stdout, stderr } = await run('--key-file', keyFile, '--verbose')
    const { token } = JSON.parse(String(stdout))
    kids.push(JSON.parse(Buffer.from(token.split('.')[0], 'base64url').toString()).kid)
    expect(stderr).toContain('"audit":true')
    expect(stderr).not.toMatch(/eyJ/)
  }
  expect(kids[1]).toBe(kids[0])
})

test('--state says where everything is while it runs, and is gone afterwards', async () => {
  const { folder, run, runtime } = stage(podYaml())
  const state = join(folder, 'state.json')
  const { stdout } = await run('--state', state, '--', 'cat', state)
  const { issuer, publicPort, caFile, tokensDirectory } = JSON.parse(String(stdout))
  expect(issuer).toBe('https://issuer.token-projector.test')
  expect(publicPort).toBeGreaterThan(0)
  expect(caFile.startsWith(runtime)).toBe(true)
  expect(tokensDirectory.startsWith(runtime)).toBe(true)
  expect(existsSync(state)).toBe(false)
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s ends the application, then the sidecar, and leaves no folder and no process',
  async (signal) => {
    const { folder, runtime, left, args } = running()
    const child = execa(LAUNCHER, args, { reject: false, env: { XDG_RUNTIME_DIR: runtime } })
    const pids = join(folder, 'pids')
    await expect.poll(() => existsSync(pids), { timeout: 15_000 }).toBe(true)
    const [directory] = left()
    expect(statSync(join(runtime, String(directory))).mode & 0o777).toBe(0o700)
    const processes = [...readFileSync(pids, 'utf8').trim().split('\n'), ...childrenOf(child.pid)].map(Number)
    expect(processes.length).toBeGreaterThan(1)
    child.kill(signal)
    expect((await child).exitCode).toBe(21)
    expect(left()).toEqual([])
    for (const pid of processes) await expect.poll(() => isAlive(pid)).toBe(false)
  },
)

/** An application that leaves a process of its own behind and ends with 21 when it is told to. */
function running() {
  const folder = folderWith({ 'pod.yaml': podYaml(), 'policy.yaml': policyFor('shop', 'cart', AUDIENCE) })
  const runtime = folderWith()
  const script = `trap 'exit 21' TERM INT; sleep 600 & printf '%s\\n' $$ $! > ${folder}/pids.new; mv ${folder}/pids.new ${folder}/pids; wait`
  const files = ['--pod', join(folder, 'pod.yaml'), '--policy', join(folder, 'policy.yaml')]
  return { folder, runtime, left: () => readdirSync(runtime), args: ['exec', ...files, '--', 'sh', '-c', script] }
}

function childrenOf(pid: number | undefined): string[] {
  const file = `/proc/${pid}/task/${pid}/children`
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ') : []
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

const NOBODY = 65_534

test.skipIf(!canBeNobody())('it works for a user who is not root', async () => {
  const folder = folderWith({ 'pod.yaml': podYaml(), 'policy.yaml': policyFor('shop', 'cart', AUDIENCE) })
  const runtime = folderWith()
  chmodSync(folder, 0o755)
  if (process.getuid?.() === 0) chownSync(runtime, NOBODY, NOBODY)
  const files = ['--pod', join(folder, 'pod.yaml'), '--policy', join(folder, 'policy.yaml')]
  const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
  const { exitCode, stdout } = await launch(['exec', ...files, '--', 'sh', '-c', 'id -u; test -s "$TOKEN_FILE"'], {
    ...identity,
    env: { XDG_RUNTIME_DIR: runtime },
    cwd: '/',
  })
  expect(exitCode).toBe(0)
  expect(String(stdout).trim()).not.toBe('0')
  expect(readdirSync(runtime)).toEqual([])
})

/** A user who is somebody already, or a checkout on a path that everybody may walk. */
function canBeNobody(): boolean {
  if (process.getuid?.() !== 0) return true
  const parts = resolve(LAUNCHER, '../../src/cli').split('/')
  const folders = parts.map((_part, index) => parts.slice(0, index + 1).join('/') || '/')
  return folders.every((folder) => (statSync(folder).mode & 0o005) === 0o005)
}

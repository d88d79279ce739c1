/** Shows which local processes play a pod, and every refusal with what to give in place. */
import { expect, test } from 'vitest'
import { type PlanOptions, type PodPlan, planPod } from '../../../src/cli/exec/plan.ts'
import { rewire } from '../../../src/cli/exec/rewire.ts'
import { isRefusal, type Refusal } from '../../../src/errors.ts'
import type { JsonObject } from '../../../src/webhook/json.ts'
import { projectPod } from '../../../src/webhook/pod.ts'

const OPTIONS: PlanOptions = {
  facts: { name: 'p', namespace: 'n', uid: 'u', serviceAccount: 's', nodeName: 'local', labels: {}, annotations: {} },
  volumesRoot: '/run/private/volumes',
  programs: { node: '/opt/node', sidecar: '/src/sidecar/main.ts', wait: '/src/sidecar/wait/main.ts' },
  path: '/usr/bin',
  variables: {},
  mappings: [],
  command: [],
  container: undefined,
}
const TOKENS = '/run/private/volumes/token-projector-tokens'
const APP = { name: 'app', image: 'app', command: ['serve'] }

/** What the webhook makes of a pod with this spec. */
function injected(spec: JsonObject, annotations: JsonObject = {}): JsonObject {
  const outcome = projectPod(
    { metadata: { annotations: { 'token-projector.dev/audience': 'https://api.example', ...annotations } }, spec },
    'n',
    {
      prefix: 'token-projector.dev/',
      image: 'i',
      version: '0',
      signer: { url: 'https://signer.example' },
      identityAudience: 'https://issuer.example/token',
      policyCheck: 'off',
      policies: [],
      reserved: new Set(),
    },
  )
  if (outcome.outcome !== 'injected') throw new Error(JSON.stringify(outcome))
  return outcome.pod
}

function plan(spec: JsonObject, options: Partial<PlanOptions> = {}, annotations: JsonObject = {}): PodPlan {
  const result = planPod(injected(spec, annotations), { ...OPTIONS, ...options })
  if (Array.isArray(result)) throw new Error(JSON.stringify(result))
  return result
}

function refusals(spec: JsonObject, options: Partial<PlanOptions> = {}): string[] {
  const result = planPod(injected(spec), { ...OPTIONS, ...options })
  return Array.isArray(result) ? result.map((refusal: Refusal) => refusal.message) : []
}

test('the sidecar’s programs are the checkout’s, run by its own Node', () => {
  const [sidecar] = plan({ containers: [APP] }).initContainers
  expect(sidecar).toMatchObject({
    role: 'native',
    isOurs: true,
    command: ['/opt/node', '--disable-sigusr1', '/src/sidecar/main.ts', 'run'],
    postStart: ['/opt/node', '--disable-sigusr1', '/src/sidecar/wait/main.ts'],
  })
})

test('the start of the pod decides what waits', () => {
  const now = plan({ containers: [APP] }, {}, { 'token-projector.dev/start': 'now' }).initContainers
  expect(now.map(({ container, role, postStart }) => [container, role, postStart])).toEqual([
    ['token-projector', 'native', undefined],
  ])
  const init = plan({ containers: [APP] }, {}, { 'token-projector.dev/start': 'init' }).initContainers
  expect(init.map(({ container, role }) => [container, role])).toEqual([
    ['token-projector-fetch', 'init'],
    ['token-projector', 'native'],
  ])
})

test('the identity token has the audience, the life and the place that the pod’s volume asks for', () => {
  expect(plan({ containers: [APP] }).identity).toEqual({
    file: '/run/private/volumes/token-projector-identity/token',
    audience: 'https://issuer.example/token',
    ttlSeconds: 3600,
  })
})

test('an application has PATH, its own variables and ours, each path mapped, and nothing else', () => {
  const container = {
    ...APP,
    env: [{ name: 'CACHE', value: '/cache/x' }],
    volumeMounts: [{ name: 'c', mountPath: '/cache' }],
  }
  const spec = { containers: [container], volumes: [{ name: 'c', emptyDir: {} }] }
  const { apps, folders } = plan(spec, {}, { 'token-projector.dev/env.default': 'TOKEN_FILE' })
  expect(apps[0]?.variables).toEqual({
    PATH: '/usr/bin',
    CACHE: '/run/private/volumes/c/x',
    TOKEN_FILE: `${TOKENS}/default`,
  })
  expect(folders).toContain('/run/private/volumes/c')
})

test('arguments are expanded and mapped', () => {
  const container = {
    ...APP,
    command: ['serve', '--token=$(DIR)/default', '$$(DIR)'],
    args: ['/var/run/secrets/token-projector.dev/tokens/default'],
    env: [{ name: 'DIR', value: '/var/run/secrets/token-projector.dev/tokens' }],
  }
  expect(plan({ containers: [container] }).apps[0]?.command).toEqual([
    'serve',
    `--token=${TOKENS}/default`,
    '$(DIR)',
    `${TOKENS}/default`,
  ])
})

test('a command of one’s own runs in the environment of the named container, the first by default', () => {
  const containers = [
    { name: 'a', image: 'x', env: [{ name: 'WHO', value: 'a' }], workingDir: '/srv' },
    { name: 'b', image: 'x', env: [{ name: 'WHO', value: 'b' }] },
  ]
  const first = plan({ containers }, { command: ['env'] }).apps
  expect(
    first.map(({ command, variables, workingDirectory }) => [command, variables['WHO'], workingDirectory]),
  ).toEqual([[['env'], 'a', undefined]])
  expect(plan({ containers }, { command: ['env'], container: 'b' }).apps[0]?.variables['WHO']).toBe('b')
})

test('a mount with a subPath lies in a folder of its own', () => {
  const container = { ...APP, args: ['/x/f'], volumeMounts: [{ name: 'c', mountPath: '/x', subPath: 'in/side' }] }
  const { apps, folders } = plan({ containers: [container], volumes: [{ name: 'c', emptyDir: {} }] })
  expect(apps[0]?.command).toEqual(['serve', '/run/private/volumes/c/in/side/f'])
  expect(folders).toContain('/run/private/volumes/c/in/side')
})

test('given variables and folders reach the pod’s containers and not ours', () => {
  const container = { ...APP, command: ['/app/serve'], workingDir: '/app' }
  const options = { variables: { EXTRA: '1' }, mappings: [{ containerPath: '/app', localPath: '/home/me/dist' }] }
  const { apps, initContainers } = plan({ containers: [container] }, options)
  expect(apps[0]).toMatchObject({ command: ['/home/me/dist/serve'], workingDirectory: '/home/me/dist' })
  expect(apps[0]?.variables['EXTRA']).toBe('1')
  expect(initContainers[0]?.variables).not.toHaveProperty('EXTRA')
})

test.each<[string, JsonObject, RegExp]>([
  ['no command', { containers: [{ name: 'app', image: 'x', args: ['a'] }] }, /container app has no command.*behind --/],
  [
    'a volume of another kind',
    {
      containers: [{ ...APP, volumeMounts: [{ name: 'c', mountPath: '/etc/c' }] }],
      volumes: [{ name: 'c', configMap: { name: 'c' } }],
    },
    /configMap.*--map \/etc\/c=LOCAL_PATH/,
  ],
  [
    'a volume that nobody declares',
    { containers: [{ ...APP, volumeMounts: [{ name: 'c', mountPath: '/c' }] }] },
    /no such volume.*--map \/c=LOCAL_PATH/,
  ],
  [
    'a subPath that leaves its volume',
    {
      containers: [{ ...APP, volumeMounts: [{ name: 'c', mountPath: '/c', subPath: '../..' }] }],
      volumes: [{ name: 'c', emptyDir: {} }],
    },
    /subPath/,
  ],
  [
    'a volume whose name is a path',
    {
      containers: [{ ...APP, volumeMounts: [{ name: '../c', mountPath: '/c' }] }],
      volumes: [{ name: '../c', emptyDir: {} }],
    },
    /--map \/c=/,
  ],
  ['a folder of its image', { containers: [{ ...APP, workingDir: '/srv/app' }] }, /--map \/srv\/app=LOCAL_PATH/],
  [
    'a hook that is not exec',
    { containers: [{ ...APP, lifecycle: { postStart: { httpGet: { port: 1 } } } }] },
    /postStart hook that is not exec/,
  ],
])('%s is refused with what to give', (_name, spec, expected) => {
  expect(refusals(spec)).toEqual([expect.stringMatching(expected)])
})

test('everything wrong is said at once', () => {
  const bare = (name: string) => ({ name, image: 'x' })
  expect(refusals({ initContainers: [bare('i')], containers: [bare('a'), bare('b')] })).toHaveLength(3)
})

test('an unknown container is refused with those that there are', () => {
  expect(refusals({ containers: [APP] }, { container: 'nobody' })).toEqual([expect.stringMatching(/nobody.*has: app/)])
})

test('the containers that a command replaces may be unplayable', () => {
  const unplayable = { name: 'b', image: 'x', volumeMounts: [{ name: 'c', mountPath: '/c' }] }
  expect(refusals({ containers: [APP, unplayable] }, { command: ['env'] })).toEqual([])
})

test('rewiring points our container at the local signer and its files at the local folders, and leaves others alone', () => {
  const { initContainers, apps } = plan(
    { containers: [APP] },
    {},
    {
      'token-projector.dev/gcp-provider':
        'projects/123456/locations/global/workloadIdentityPools/pool-1/providers/cluster-1',
    },
  )
  const signer = { url: 'https://127.0.0.1:1', caBundle: 'PEM' }
  const [sidecar] = initContainers
  if (sidecar === undefined || apps[0] === undefined) throw new Error('the plan lacks containers')
  const wired = rewire(sidecar, signer)
  if (isRefusal(wired)) throw new Error(wired.message)
  const config = JSON.parse(wired.variables['TOKEN_PROJECTOR_SIDECAR'] ?? '')
  expect(config).toMatchObject({
    signer,
    opsPort: 0,
    directory: TOKENS,
    identityTokenFile: '/run/private/volumes/token-projector-identity/token',
  })
  expect(config.files[0].content).toContain(`${TOKENS}/gcp`)
  expect(wired.variables['TOKEN_PROJECTOR_SIDECAR']).not.toContain('/var/run/secrets')
  expect(rewire(apps[0], signer)).toBe(apps[0])
})

test('a sidecar without a configuration is refused', () => {
  const [sidecar] = plan({ containers: [APP] }).initContainers
  if (sidecar === undefined) throw new Error('the plan lacks the sidecar')
  const broken = { ...sidecar, variables: { TOKEN_PROJECTOR_SIDECAR: '[]' } }
  expect(rewire(broken, { url: 'https://127.0.0.1:1', caBundle: '' })).toMatchObject({ refused: 'input-malformed' })
})

/** The demo itself: one Deployment's whole way from an annotation to a signed-in AWS SDK, step by step. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { type ConnectProxy, startConnectProxy } from '../doubles/connect-proxy.ts'
import { admit, type Pod, podOf } from './admission.ts'
import { type Child, parseLine, startChild } from './child.ts'
import { startImpostor } from './impostor.ts'
import type { Narrator } from './narrator.ts'
import { freePort, ISSUER, ORGANIZATION, type Stage } from './stage.ts'

const ROLE = 'arn:aws:iam::111122223333:role/checkout'
const AUDIENCE = 'sts.amazonaws.com'
/** Above the demo's longest time between two rotations, so that the second call finds another token. */
const PAUSE_SECONDS = 7

export interface Play {
  root: string
  /** The program that runs TypeScript. */
  node: string
  /** `PATH` of every process. */
  path: string
  stage: Stage
  narrator: Narrator
  /** What to break, so that the demo is seen to fail. */
  broken: 'policy' | 'key' | 'audience' | undefined
}

/** One call that the STS double answered. */
interface Call {
  action: string
  outcome: string
  message?: string
  arn?: string
  kid?: string
  jti?: string
}

/**
 * @returns the ARN that the program signed in as
 * @throws Error whose message says what failed
 */
export async function play(options: Play, cleanup: AsyncDisposableStack): Promise<string> {
  const { narrator } = options
  narrator.step('The webhook starts')
  const webhook = await startWebhook(options, cleanup)

  narrator.step('A Deployment asks for an AWS role')
  const pod = await inject(options, webhook)

  narrator.step('AWS is played by a double that verifies as AWS documents it')
  const proxy = await startConnectProxy({})
  cleanup.defer(() => proxy.stop())
  const sts = await startStsDouble(options, proxy, cleanup)

  narrator.step('The pod runs as local processes: kubelet, signer, sidecar and the program')
  return await runPod(options, pod, sts, proxy, cleanup)
}

async function startWebhook(
  { root, node, path, stage, narrator }: Play,
  cleanup: AsyncDisposableStack,
): Promise<string> {
  const webhook = startChild([node, join(root, 'src/webhook/main.ts')], {
    PATH: path,
    TOKEN_PROJECTOR_WEBHOOK_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_OPS_LISTEN: '127.0.0.1:0',
    TOKEN_PROJECTOR_TLS_DIRECTORY: stage.tls.webhook,
    TOKEN_PROJECTOR_SIDECAR_IMAGE: 'token-projector:demo',
    TOKEN_PROJECTOR_SIGNER_URL: 'https://token-projector-signer.token-projector.svc',
    TOKEN_PROJECTOR_SIGNER_CA_FILE: stage.caFile,
    TOKEN_PROJECTOR_IDENTITY_AUDIENCE: `${ISSUER}/token`,
    TOKEN_PROJECTOR_POLICY_FILE: stage.policyFile,
    TOKEN_PROJECTOR_DRAIN_SECONDS: '0',
  })
  cleanup.defer(() => webhook.stop())
  const port = await webhook.firstLine((line) => {
    const entry = parseLine(line)
    return entry?.listener === 'admission' ? Number(entry.port) : undefined
  })
  narrator.seen(`it listens on https://127.0.0.1:${port}`)
  return `https://127.0.0.1:${port}/mutate`
}

async function inject({ root, stage, narrator }: Play, webhook: string): Promise<Pod> {
  const pod = await podOf(join(root, 'examples/aws-sdk-js/deployment.yaml'))
  narrator.facts(pod.metadata.annotations)
  const { pod: injected, operations } = await admit(pod, webhook, await readFile(stage.caFile, 'utf8'))
  const [first] = injected.spec.initContainers
  narrator.seen(
    `the webhook answered with ${operations} additions; ${first?.name} starts first and stays beside the program`,
  )
  return injected
}

async function startStsDouble(
  { root, node, path, stage, broken, narrator }: Play,
  proxy: ConnectProxy,
  cleanup: AsyncDisposableStack,
): Promise<{ url: string; child: Child }> {
  const account = {
    providers: [{ issuer: ISSUER, clientIds: [broken === 'audience' ? 'another-audience' : AUDIENCE] }],
    roles: [{ arn: ROLE, trust: { issuer: ISSUER, aud: AUDIENCE, sub: `${ORGANIZATION}:payments:checkout` } }],
    tls: { certFile: join(stage.tls.sts, 'tls.crt'), keyFile: join(stage.tls.sts, 'tls.key') },
  }
  const child = startChild([node, join(root, 'test/doubles/sts/main.ts')], {
    PATH: path,
    STS_DOUBLE: JSON.stringify(account),
    NODE_EXTRA_CA_CERTS: stage.caFile,
    NODE_USE_ENV_PROXY: '1',
    HTTPS_PROXY: proxy.url,
  })
  cleanup.defer(() => child.stop())
  const listening = await child.firstLine((line) => {
    const entry = parseLine(line)
    return entry?.event === 'listening' ? entry : undefined
  })
  narrator.seen(`it trusts ${ISSUER}; its sessions end after ${listening.sessionSeconds} s, which ${listening.note}`)
  return { url: String(listening.url), child }
}

async function runPod(
  options: Play,
  pod: Pod,
  sts: { url: string; child: Child },
  proxy: ConnectProxy,
  cleanup: AsyncDisposableStack,
): Promise<string> {
  const { root, node, path, stage } = options
  const publicPort = await freePort()
  proxy.setTarget(`${new URL(ISSUER).host}:443`, await publishingPort(options, publicPort, cleanup))
  const podFile = join(stage.folder, 'pod.json')
  const stateFile = join(stage.folder, 'state.json')
  await writeFile(podFile, JSON.stringify(pod))

  const calls: Call[] = []
  const watching = watchCalls(options, sts.child, stateFile, calls)
  const exec = startChild(
    [
      node,
      join(root, 'src/cli/main.ts'),
      'exec',
      ...['--pod', podFile, '--policy', stage.policyFile, '--state', stateFile],
      ...['--issuer', ISSUER, '--organization', ORGANIZATION],
      ...['--public-listen', `127.0.0.1:${publicPort}`, '--tls-directory', stage.tls.signer],
      ...['--map', `/app=${join(root, 'examples/aws-sdk-js')}`],
      ...['--env', `AWS_ENDPOINT_URL_STS=${sts.url}`, '--env', `NODE_EXTRA_CA_CERTS=${stage.caFile}`],
      ...['--env', `PAUSE_SECONDS=${PAUSE_SECONDS}`],
    ],
    { PATH: path },
  )
  cleanup.defer(() => exec.stop())
  const said: string[] = []
  exec.onLine((line) => said.push(line))
  const exitCode = await exec.exitCode
  await watching()
  if (exitCode !== 0) throw new Error(refusalOf(calls) ?? `the pod ended with ${exitCode}: ${exec.errors()}`)
  return judge(calls, said)
}

/** The issuer's own port, unless the demo is to publish keys that signed nothing. */
async function publishingPort({ broken, stage }: Play, own: number, cleanup: AsyncDisposableStack): Promise<number> {
  if (broken !== 'key') return own
  const impostor = await startImpostor(ISSUER, stage.tls.signer)
  cleanup.defer(() => impostor.stop())
  return impostor.port
}

function refusalOf(calls: readonly Call[]): string | undefined {
  const refused = calls.find((call) => call.outcome !== 'ok')
  return refused === undefined ? undefined : `${refused.action} was answered ${refused.outcome}: ${refused.message}`
}

/**
 * Narrates every call to AWS, and holds each token that AWS was shown against the file.
 * @returns a function that waits for what is still to be told and throws what did not hold
 */
function watchCalls({ narrator }: Play, sts: Child, stateFile: string, calls: Call[]): () => Promise<void> {
  let telling = Promise.resolve()
  sts.onLine((line) => {
    const call = parseLine(line) as Call | undefined
    if (call?.action === undefined) return
    calls.push(call)
    telling = telling.then(() => tell(narrator, call, calls, stateFile))
  })
  return () => telling
}

async function tell(narrator: Narrator, call: Call, calls: readonly Call[], stateFile: string): Promise<void> {
  if (call.outcome !== 'ok') return narrator.seen(`${call.action}: ${call.outcome}`)
  if (call.action === 'GetCallerIdentity')
    return narrator.seen(`GetCallerIdentity: the signature is right, ${call.arn}`)
  const earlier = calls.slice(0, calls.indexOf(call)).filter(({ action }) => action === call.action)
  if (earlier.some(({ jti }) => jti === call.jti)) {
    return narrator.seen('AssumeRoleWithWebIdentity: the SDK renews its session ahead of time with the same token')
  }
  const claims = decodeJwt(await readFile(await tokenFile(stateFile), 'utf8'))
  const which = earlier.length === 0 ? 'the first token' : 'the rotated token'
  narrator.seen(`AssumeRoleWithWebIdentity: ${which} verifies, and it is the one in the file`)
  narrator.facts(earlier.length === 0 ? { ...claims, kid: call.kid } : { jti: claims.jti })
  if (claims.jti !== call.jti) throw new Error(`AWS was shown ${call.jti}, and the file holds ${claims.jti}`)
}

async function tokenFile(stateFile: string): Promise<string> {
  const { tokensDirectory } = JSON.parse(await readFile(stateFile, 'utf8')) as { tokensDirectory: string }
  return join(tokensDirectory, 'aws')
}

/** What must have been seen: two different tokens, and a program that was told twice who it is. */
function judge(calls: readonly Call[], said: readonly string[]): string {
  const tokens = calls.filter((call) => call.action === 'AssumeRoleWithWebIdentity').map(({ jti }) => jti)
  const identities = calls.filter((call) => call.action === 'GetCallerIdentity').map(({ arn }) => arn)
  if (new Set(tokens).size < 2)
    throw new Error(`the program showed ${new Set(tokens).size} token, not two different ones`)
  if (identities.length !== 2) throw new Error(`the program asked ${identities.length} times who it is, not twice`)
  const [arn] = identities
  if (arn === undefined || said.join('\n') !== identities.join('\n')) {
    throw new Error(`the program said ${said.join(', ')}, and AWS ${identities.join(', ')}`)
  }
  return arn
}

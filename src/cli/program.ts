/** Reads the command line: its verbs and their options. */
import { Command, CommanderError, Option } from 'commander'
import { DEFAULT_ANNOTATION_PREFIX, EXIT, TTL_SECONDS } from '../contract.ts'
import { VERSION } from '../version.ts'
import {
  collectMapping,
  collectVariable,
  matching,
  parseAudience,
  parseImage,
  parseIssuer,
  parseListen,
  parseName,
  parsePrefix,
  parseTtlSeconds,
  parseUrl,
} from './arguments.ts'
import {
  DEFAULT_IMAGE,
  DEFAULT_NAMESPACE,
  DEFAULT_SERVICE_ACCOUNT,
  DEFAULT_SIGNER_URL,
  identityAudienceOf,
  LOCAL_CLUSTER,
  LOCAL_ISSUER,
  LOCAL_ORGANIZATION,
} from './defaults.ts'
import type { ExecOptions } from './exec.ts'
import type { ExplainOptions } from './explain.ts'
import type { InjectOptions } from './inject.ts'
import { RECEIVERS } from './trust/index.ts'
import type { Receiver } from './trust/receiver.ts'
import type { TrustOptions } from './trust.ts'

export type Invocation =
  | { verb: 'inject'; options: InjectOptions }
  | { verb: 'exec'; options: ExecOptions }
  | { verb: 'explain'; options: ExplainOptions }
  | { verb: 'trust'; options: TrustOptions }
  /** Everything is said already. */
  | { verb: 'none'; exitCode: number }

export interface Terminal {
  writeOut(text: string): void
  writeErr(text: string): void
}

const SERVICES = `
Services, configured by their environment (TOKEN_PROJECTOR_…):
  webhook                     answers admission reviews: who gets a sidecar
  signer                      answers the sidecars: who gets which token
  sidecar run|once|wait       keeps the tokens of one pod fresh

Exit codes: 0 done, 64 usage, 65 input, 70 our fault, 75 deadline, 77 refused, 78 configuration.
`

const EXEC_NOTES = `
Local processes are not containers: readOnly mounts, users, limits, probes and preStop hooks are not played, and all
processes share this machine's network. Volumes other than emptyDir need --map.

Exits with the first exit code of an application that is not 0; 77 when policy or signer refuse; 75 when the first
token did not come in time. SIGHUP renews all tokens.
`

/** @param args without node and script */
export function parseCommandLine(args: readonly string[], terminal: Terminal): Invocation {
  let invocation: Invocation = { verb: 'none', exitCode: EXIT.ok }
  const program = new Command('token-projector')
    .description('The last mile of workload identity: one pod annotation, an always valid token file.')
    .version(VERSION)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: terminal.writeOut, writeErr: terminal.writeErr })
    .showHelpAfterError('(run with --help for what there is)')
    .addHelpText('after', SERVICES)
  program.addCommand(
    injectCommand((options) => {
      invocation = { verb: 'inject', options }
    }).copyInheritedSettings(program),
  )
  program.addCommand(
    execCommand((options) => {
      invocation = { verb: 'exec', options }
    }).copyInheritedSettings(program),
  )
  program.addCommand(
    explainCommand((options) => {
      invocation = { verb: 'explain', options }
    }).copyInheritedSettings(program),
  )
  program.addCommand(
    trustCommand(program, (options) => {
      invocation = { verb: 'trust', options }
    }),
  )
  try {
    program.parse(args, { from: 'user' })
    return invocation
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return { verb: 'none', exitCode: error.exitCode === 0 ? EXIT.ok : EXIT.usage }
  }
}

function injectCommand(use: (options: InjectOptions) => void): Command {
  return installation(new Command('inject'))
    .summary('inject pods and pod templates in manifests, as the webhook would')
    .description(
      'Reads Kubernetes objects (YAML or JSON, several documents too) and writes the same with every pod that has opted in injected by the webhook’s own code. What has not opted in stays byte for byte. Writes nothing when anything is refused.',
    )
    .option('-f, --filename <file>', 'the objects; - is standard input', '-')
    .option('--policy <file>', 'AudiencePolicy documents to check against; without it policy is not checked')
    .addOption(new Option('--image <image>', 'image of the sidecar').default(DEFAULT_IMAGE).argParser(parseImage))
    .addOption(
      new Option('--signer-url <url>', 'where sidecars reach the signer')
        .default(DEFAULT_SIGNER_URL)
        .argParser(parseUrl),
    )
    .option('--signer-ca <file>', 'PEM roots that verify the signer; without it the public ones')
    .addOption(
      new Option('--identity-audience <audience>', 'audience of identity tokens')
        .default(identityAudienceOf(LOCAL_ISSUER))
        .argParser(parseAudience),
    )
    .action((flags) =>
      use({ ...flags, file: flags.filename, prefix: flags.annotationPrefix, policyFile: flags.policy }),
    )
}

function execCommand(use: (options: ExecOptions) => void): Command {
  return installation(new Command('exec'))
    .usage('[options] -p FILE --policy FILE [-- COMMAND…]')
    .passThroughOptions()
    .summary('run a pod, or a command in its place, as local processes with its tokens')
    .description(
      'Runs the containers of a pod, or a command of your own in place of the application, as local processes with the tokens and the environment that the webhook would give them: no cluster, no root.',
    )
    .argument('[command...]', 'behind --: runs in place of the application containers')
    .requiredOption('-p, --pod <file>', 'a Pod, or a workload whose template is used; - is standard input')
    .requiredOption('--policy <file>', 'AudiencePolicy documents')
    .option('-c, --container <name>', 'run this container alone, or the command with its environment')
    .option('-e, --env <name=value>', 'add a variable to every container of the pod (repeatable)', collectVariable)
    .option('--map <path=folder>', 'a local folder for a path in containers (repeatable)', collectMapping)
    .addOption(new Option('--issuer <url>', 'issuer of the tokens').default(LOCAL_ISSUER).argParser(parseUrl))
    .option('--organization <name>', 'first part of every subject', LOCAL_ORGANIZATION)
    .addOption(
      new Option('--identity-audience <audience>', 'audience of identity tokens (default: ISSUER/token)').argParser(
        parseAudience,
      ),
    )
    .option('--key-file <file>', 'signing keys to keep; made when it is not there (default: new keys for this run)')
    .addOption(
      new Option('--public-listen <host:port>', 'where discovery and JWKS are served')
        .default('127.0.0.1:0')
        .argParser(parseListen),
    )
    .option('--tls-directory <folder>', 'tls.crt, tls.key and ca.crt of the signer (default: made for this run)')
    .option('--state <file>', 'write where everything is as JSON here once it serves; removed at the end')
    .option('-v, --verbose', 'show the log of the sidecar and of the signer')
    .addHelpText('after', EXEC_NOTES)
    .action((command: string[], flags) =>
      use({
        ...flags,
        command,
        verbose: flags.verbose === true,
        podFile: flags.pod,
        policyFile: flags.policy,
        prefix: flags.annotationPrefix,
        variables: flags.env ?? {},
        mappings: flags.map ?? [],
        identityAudience: flags.identityAudience ?? identityAudienceOf(flags.issuer),
      }),
    )
}

function explainCommand(use: (options: ExplainOptions) => void): Command {
  return identity(new Command('explain'))
    .usage('--policy FILE --issuer URL --organization NAME --audience AUDIENCE [options]')
    .summary('say what a service account would be given for an audience, and why')
    .description(
      'Decides by the signer’s own code, from files alone: the policy that grants or the rule that is missing, the exact subject, and every claim. Exits 77 where nothing is given.',
    )
    .requiredOption('--policy <file>', 'AudiencePolicy documents')
    .addOption(
      new Option('-a, --audience <audience>', 'who is to read the token')
        .makeOptionMandatory()
        .argParser(parseAudience),
    )
    .option('--cluster <name>', 'name of the cluster in claims', LOCAL_CLUSTER)
    .addOption(
      new Option('--ttl-seconds <seconds>', 'life that is asked for')
        .default(TTL_SECONDS.default)
        .argParser(parseTtlSeconds),
    )
    .addOption(new Option('--output <format>', 'text, or JSON for programs').choices(['text', 'json']).default('text'))
    .action((flags) => use({ ...flags, policyFile: flags.policy, identityAudience: identityAudienceOf(flags.issuer) }))
}

/** One subcommand for each receiver, since each has to be told something else. */
function trustCommand(program: Command, use: (options: TrustOptions) => void): Command {
  const command = new Command('trust')
    .copyInheritedSettings(program)
    .summary('print what a receiver has to be told to trust a service account')
    .description(
      'Prints, for one service account and nobody else, the documents that a receiver takes: exact subject, exact audience, no wildcard.',
    )
  for (const receiver of RECEIVERS) command.addCommand(receiverCommand(receiver, use).copyInheritedSettings(command))
  return command
}

function receiverCommand(receiver: Receiver, use: (options: TrustOptions) => void): Command {
  const command = identity(new Command(receiver.name).description(receiver.title))
    .addOption(
      new Option('-a, --audience <audience>', 'who is to read the token (default: what its clients ask for)').argParser(
        parseAudience,
      ),
    )
    .addOption(
      new Option('--format <format>', 'JSON documents, or Terraform where a provider takes it')
        .choices(formatsOf(receiver))
        .default('json'),
    )
  for (const { name, shape, pattern, preset } of receiver.parameters) {
    const option = new Option(`--${name} <${name}>`, shape).argParser(matching(pattern, shape))
    command.addOption(preset === undefined ? option.makeOptionMandatory() : option.default(preset))
  }
  return command.action((flags, { options }: Command) => {
    const named = options.map((option) => [option.long?.slice(2), flags[option.attributeName()]])
    const own = named.filter(([name]) => receiver.parameters.some((parameter) => parameter.name === name))
    use({ ...flags, receiver, values: Object.fromEntries(own) })
  })
}

const formatsOf = ({ terraform }: Receiver) => (terraform === undefined ? ['json'] : ['json', 'terraform'])

/** Whose token it is. */
function identity(command: Command): Command {
  return command
    .addOption(new Option('--issuer <url>', 'issuer of the tokens').makeOptionMandatory().argParser(parseIssuer))
    .addOption(
      new Option('--organization <name>', 'first part of every subject').makeOptionMandatory().argParser(parseName),
    )
    .addOption(
      new Option('-n, --namespace <name>', 'namespace of the service account')
        .default(DEFAULT_NAMESPACE)
        .argParser(parseName),
    )
    .addOption(
      new Option('-s, --service-account <name>', 'whose pod asks')
        .default(DEFAULT_SERVICE_ACCOUNT)
        .argParser(parseName),
    )
}

/** What both verbs ask of an installation. */
function installation(command: Command): Command {
  return command
    .addOption(
      new Option('--annotation-prefix <prefix>', 'prefix of the annotations')
        .default(DEFAULT_ANNOTATION_PREFIX)
        .argParser(parsePrefix),
    )
    .option('-n, --namespace <name>', 'namespace of objects that name none', DEFAULT_NAMESPACE)
}

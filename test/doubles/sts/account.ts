/** What an AWS account configures before a token can be exchanged: OIDC providers and roles, with IAM's own rules. Pure. */

const MAXIMUM_ISSUER_CHARACTERS = 255
const MAXIMUM_CLIENT_IDS = 100
const MAXIMUM_CLIENT_ID_CHARACTERS = 255
const ROLE_ARN = /^arn:(aws[a-z-]*):iam::(\d{12}):role\/(?:[\w+=,.@-]+\/)*([\w+=,.@-]{1,64})$/

/** An IAM OIDC identity provider. */
export interface Provider {
  issuer: string
  /** The audiences that tokens of this provider may have. */
  clientIds: readonly string[]
}

/** A role and its trust policy: StringEquals on `<issuer>:aud` and `<issuer>:sub`. */
export interface Role {
  arn: string
  trust: { issuer: string; aud: string; sub: string }
}

/** The parts of a role's ARN; the role's path is not among them because session ARNs leave it out. */
export interface RoleName {
  partition: string
  account: string
  name: string
}

/** @returns undefined when `arn` is no role's */
export function parseRoleArn(arn: string): RoleName | undefined {
  const [, partition, account, name] = ROLE_ARN.exec(arn) ?? []
  return partition === undefined || account === undefined || name === undefined
    ? undefined
    : { partition, account, name }
}

/** What IAM would not let one register, one sentence each. */
export function accountProblems(providers: readonly Provider[], roles: readonly Role[]): string[] {
  return [...providers.flatMap(providerProblems), ...roles.flatMap((role) => roleProblems(role, providers))]
}

function providerProblems({ issuer, clientIds }: Provider): string[] {
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined
  const problems: [boolean, string][] = [
    [url === undefined || !issuer.startsWith('https://'), 'an issuer must be a URL that starts with https://'],
    // An explicit :443 vanishes from URL.port, so the text is asked too.
    [/^\w+:\/\/[^/]*:\d/.test(issuer), 'an issuer must not name a port'],
    [/[?#]/.test(issuer), 'an issuer must not have a query or a fragment'],
    [issuer.length > MAXIMUM_ISSUER_CHARACTERS, `an issuer has at most ${MAXIMUM_ISSUER_CHARACTERS} characters`],
    [
      clientIds.length < 1 || clientIds.length > MAXIMUM_CLIENT_IDS,
      `a provider has 1 to ${MAXIMUM_CLIENT_IDS} client ids`,
    ],
    [
      clientIds.some((id) => id.length < 1 || id.length > MAXIMUM_CLIENT_ID_CHARACTERS),
      `a client id has 1 to ${MAXIMUM_CLIENT_ID_CHARACTERS} characters`,
    ],
  ]
  return problems.filter(([wrong]) => wrong).map(([, sentence]) => `${issuer}: ${sentence}`)
}

function roleProblems({ arn, trust }: Role, providers: readonly Provider[]): string[] {
  const problems: string[] = []
  if (parseRoleArn(arn) === undefined) problems.push(`${arn}: not the ARN of a role`)
  if (!providers.some(({ issuer }) => issuer === trust.issuer)) {
    problems.push(`${arn}: trusts ${trust.issuer}, which is not a registered provider`)
  }
  return problems
}

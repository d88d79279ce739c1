/** AWS: a role by AssumeRoleWithWebIdentity, in the variables that every AWS SDK looks for. Pure. */
import { type Provider, type ProviderFacts, type Provision, pathOf, type Variable } from './provider.ts'
import { AUDIENCE, allOf, optional, type Rule, required } from './value.ts'

/** The longest and shortest RoleSessionName, AWS STS API reference. */
const SESSION_NAME_CHARACTERS = { minimum: 2, maximum: 64 } as const

/** All partitions begin with aws; a path could hold a `$`, which the kubelet would expand, so it may not here. */
const ROLE_ARN: Rule = {
  pattern: /^(?=.{20,2048}$)arn:aws(?:-[a-z]+)*:iam::\d{12}:role\/(?:[\w+=,.@/-]+\/)?[\w+=,.@-]{1,64}$/,
  shape: 'the ARN of an IAM role, such as arn:aws:iam::111122223333:role/checkout',
}
const REGION: Rule = { pattern: /^[a-z]{2,8}(?:-[a-z]{2,12}){1,3}-\d{1,2}$/, shape: 'an AWS region, such as eu-west-1' }
const SESSION_NAME: Rule = {
  pattern: /^[\w+=,.@-]{2,64}$/,
  shape: '2 to 64 letters, digits and any of _+=,.@-',
}

export const aws: Provider = {
  name: 'aws',
  annotations: [
    { suffix: 'aws-role-arn', meaning: 'IAM role that the pod assumes; asks for the token `aws`' },
    { suffix: 'aws-region', meaning: 'region of the AWS SDKs, whose STS endpoint is then the regional one' },
    { suffix: 'aws-session-name', meaning: 'role session name in CloudTrail; by default the name of the pod' },
    { suffix: 'aws-audience', meaning: 'audience of the token; by default `sts.amazonaws.com`' },
  ],
  triggers: ['aws-role-arn'],
  triggerVariable: 'AWS_ROLE_ARN',
  read(values, facts) {
    const readings = allOf({
      role: required(values, 'aws-role-arn', ROLE_ARN, aws.annotations),
      region: optional(values, 'aws-region', REGION),
      sessionName: optional(values, 'aws-session-name', SESSION_NAME),
      audience: optional(values, 'aws-audience', AUDIENCE),
    })
    return Array.isArray(readings) ? readings : provisionOf(readings, facts)
  },
}

interface Readings {
  role: string
  region: string | undefined
  sessionName: string | undefined
  audience: string | undefined
}

function provisionOf({ role, region, sessionName, audience }: Readings, facts: ProviderFacts): Provision {
  return {
    token: { name: 'aws', audience: audience ?? 'sts.amazonaws.com' },
    variables: [
      { name: 'AWS_ROLE_ARN', value: role },
      { name: 'AWS_WEB_IDENTITY_TOKEN_FILE', value: pathOf('aws') },
      sessionVariable(sessionName, facts),
      ...(region === undefined ? [] : regionVariables(region)),
    ],
    files: [],
  }
}

function regionVariables(region: string): Variable[] {
  return [
    { name: 'AWS_REGION', value: region },
    { name: 'AWS_DEFAULT_REGION', value: region },
    // Older SDKs still ask the global endpoint, which is one region's.
    { name: 'AWS_STS_REGIONAL_ENDPOINTS', value: 'regional' },
  ]
}

/**
 * The pod's own name where it fits. A name that the API server generates always does: it is cut to 63 characters
 * (apiserver pkg/storage/names), and the pods of a template get such names or a StatefulSet's, which is a label's value.
 */
function sessionVariable(chosen: string | undefined, facts: ProviderFacts): Variable {
  const name = 'AWS_ROLE_SESSION_NAME'
  if (chosen !== undefined) return { name, value: chosen }
  const length = facts.podName?.length
  const fits =
    length === undefined || (length >= SESSION_NAME_CHARACTERS.minimum && length <= SESSION_NAME_CHARACTERS.maximum)
  if (fits) return { name, fieldPath: 'metadata.name' }
  return { name, value: `${facts.namespace}.${facts.serviceAccount}`.slice(0, SESSION_NAME_CHARACTERS.maximum) }
}

/** AWS: the trust policy of an IAM role, which decides by exact subject and audience. Pure. */
import { hcl, type Identity, type Receiver } from './receiver.ts'

export const aws: Receiver = {
  name: 'aws',
  title: 'AWS IAM role',
  parameters: [{ name: 'account', shape: 'the twelve digits of an AWS account', pattern: /^\d{12}$/ }],
  audience: () => 'sts.amazonaws.com',
  documents: (identity, { account }) => [
    {
      place: 'trust policy of the role: aws iam update-assume-role-policy --policy-document',
      content: trustPolicy(identity, `arn:aws:iam::${account}:oidc-provider/${keyOf(identity)}`),
    },
  ],
  terraform: (identity) => `resource "aws_iam_openid_connect_provider" "token_projector" {
  url            = ${hcl(identity.issuer)}
  client_id_list = [${hcl(identity.audience)}]
}

data "aws_iam_policy_document" "token_projector_trust" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.token_projector.arn]
    }

    condition {
      test     = "StringEquals"
      variable = ${hcl(`${keyOf(identity)}:aud`)}
      values   = [${hcl(identity.audience)}]
    }

    condition {
      test     = "StringEquals"
      variable = ${hcl(`${keyOf(identity)}:sub`)}
      values   = [${hcl(identity.subject)}]
    }
  }
}
`,
}

/** Exact values: a wildcard that is not behind a delimiter lets names in that only begin alike. */
function trustPolicy(identity: Identity, provider: string): object {
  const key = keyOf(identity)
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Federated: provider },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: { StringEquals: { [`${key}:aud`]: identity.audience, [`${key}:sub`]: identity.subject } },
      },
    ],
  }
}

/** IAM calls a provider by its URL without the scheme. */
const keyOf = ({ issuer }: Identity) => issuer.slice('https://'.length)

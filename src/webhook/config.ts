/** The webhook's environment. Pure. */
import { z } from 'zod'
import { common, httpsUrl, identityAudience, listen, parseEnvironment, path } from '../config.ts'
import { DEFAULT_ANNOTATION_PREFIX } from '../contract.ts'

/** A DNS name, as Kubernetes wants before the slash of an annotation. */
const prefix = z
  .string()
  .regex(
    /^(?=.{1,254}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\/$/,
    `must be a DNS name and a slash, such as ${DEFAULT_ANNOTATION_PREFIX}`,
  )

const audiences = z
  .string()
  .transform((text) => text.split(',').map((audience) => audience.trim()))
  .refine((list) => list.every((audience) => audience !== ''), 'must be audiences, separated by commas')
const image = z.string().regex(/^[\x21-\x7e]+$/, 'must be an image reference')

const schema = z
  .object({
    ...common,
    WEBHOOK_LISTEN: listen.prefault('0.0.0.0:8443'),
    ANNOTATION_PREFIX: prefix.default(DEFAULT_ANNOTATION_PREFIX),
    SIDECAR_IMAGE: image,
    SIGNER_URL: httpsUrl,
    IDENTITY_AUDIENCE: identityAudience,
    RESERVED_AUDIENCES: audiences.default([]),
    SIGNER_CA_FILE: path.optional(),
    SIGNER_CA_CONFIGMAP: z.string().optional(),
    POLICY_FILE: path.optional(),
    POLICY_CHECK: z.enum(['refuse', 'warn', 'off'], 'must be refuse, warn or off').default('refuse'),
  })
  .superRefine(
    (values, context) => {
      if (values.SIGNER_CA_CONFIGMAP !== undefined && values.SIGNER_CA_FILE === undefined) {
        const message = 'is for a later version; set TOKEN_PROJECTOR_SIGNER_CA_FILE instead'
        context.addIssue({ code: 'custom', path: ['SIGNER_CA_CONFIGMAP'], message })
      }
      if (values.POLICY_FILE === undefined && values.POLICY_CHECK !== 'off') {
        const message = 'admission checks policy; set it, or TOKEN_PROJECTOR_POLICY_CHECK=off'
        context.addIssue({ code: 'custom', path: ['POLICY_FILE'], message })
      }
    },
    // Beside the mistakes of single variables, not only after they are mended.
    { when: () => true },
  )

/** The variables that are read, without their common prefix. */
export const WEBHOOK_VARIABLES: readonly string[] = Object.keys(schema.shape)

export type WebhookConfig = Readonly<z.output<typeof schema>>

/** @throws ProjectorError `configuration-invalid` that names every wrong variable */
export function parseWebhookConfig(env: Record<string, string | undefined>): WebhookConfig {
  return Object.freeze(parseEnvironment(schema, env))
}

/** The webhook's environment. Pure. */
import { z } from 'zod'
import {
  checkInCluster,
  common,
  httpsUrl,
  identityAudience,
  inCluster,
  issue,
  listen,
  need,
  objectName,
  parseEnvironment,
  path,
} from '../config.ts'
import { DEFAULT_ANNOTATION_PREFIX } from '../contract.ts'
import { isRefusal, type Refusal } from '../errors.ts'
import { type Allotment, CPU_SHAPE, MEMORY_SHAPE, readCpu, readMemory } from './value.ts'

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

const allotment = (read: (key: string, value: string) => Allotment | Refusal, shape: string) =>
  z.string().transform((text, context) => {
    const value = read('', text)
    if (!isRefusal(value)) return value
    context.addIssue({ code: 'custom', message: `must be ${shape}, and not below the request` })
    return z.NEVER
  })

const schema = z
  .object({
    ...common,
    ...inCluster,
    WEBHOOK_LISTEN: listen.prefault('0.0.0.0:8443'),
    ANNOTATION_PREFIX: prefix.default(DEFAULT_ANNOTATION_PREFIX),
    SIDECAR_IMAGE: image,
    SIDECAR_CPU: allotment(readCpu, CPU_SHAPE).optional(),
    SIDECAR_MEMORY: allotment(readMemory, MEMORY_SHAPE).optional(),
    SIGNER_URL: httpsUrl,
    IDENTITY_AUDIENCE: identityAudience,
    RESERVED_AUDIENCES: audiences.default([]),
    SIGNER_CA_FILE: path.optional(),
    WEBHOOK_CONFIGURATION: objectName.optional(),
    POLICY_FILE: path.optional(),
    POLICY_CHECK: z.enum(['refuse', 'warn', 'off'], 'must be refuse, warn or off').default('refuse'),
  })
  .superRefine(
    (values, context) => {
      checkInCluster(values, context, ['TLS_SECRET', 'SIGNER_CA_CONFIGMAP'])
      if (values.TLS_SECRET !== undefined) {
        need(values, context, 'WEBHOOK_CONFIGURATION', 'the API server reads there which CA signs our certificate')
      } else if (values.WEBHOOK_CONFIGURATION !== undefined) {
        issue(context, 'WEBHOOK_CONFIGURATION', 'is written only for the CA in TOKEN_PROJECTOR_TLS_SECRET; remove it')
      }
      if (values.SIGNER_CA_CONFIGMAP !== undefined && values.SIGNER_CA_FILE !== undefined) {
        issue(context, 'SIGNER_CA_CONFIGMAP', 'and TOKEN_PROJECTOR_SIGNER_CA_FILE say the same; set one of the two')
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

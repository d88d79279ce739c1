/** The admission service: answers reviews, logs and counts each, and never turns our own fault into a denial. */
import { expiresAt } from '../certificate/source.ts'
import { ProjectorError, type Reason } from '../errors.ts'
import type { Log } from '../log.ts'
import { type FastifyInstance, type FastifyReply, type ServiceOptions, startService } from '../service.ts'
import type { WebhookConfig } from './config.ts'
import type { InjectionContext } from './context.ts'
import { createMetrics, type WebhookMetrics } from './metrics.ts'
import { type Admission, admit } from './review.ts'
import { closeSources, contextOf, openSources, type SourceDeps, type Sources, unready } from './sources.ts'

export const ADMISSION_PATH = '/mutate'
/** A request holds up to 3 MiB, and JSON is larger than what it was made from. */
export const BODY_LIMIT_BYTES = 8 * 1024 * 1024

export interface WebhookDeps extends SourceDeps {
  /** Milliseconds of a clock that never leaps. */
  monotonicMs(): number
}

export interface Webhook {
  ports: Record<'admission' | 'ops', number>
  /** Unready at once, answering until the drain is over, then closed. */
  stop(): Promise<void>
}

/** Starts the whole service. @throws ProjectorError `configuration-invalid` with everything that is wrong at once */
export async function startWebhook(config: WebhookConfig, deps: WebhookDeps): Promise<Webhook> {
  const sources = await openSources(config, deps)
  try {
    const service = await startService(serviceOf(config, sources, deps))
    return {
      ports: service.ports as Webhook['ports'],
      async stop() {
        await service.stop()
        await closeSources(sources)
      },
    }
  } catch (error) {
    await closeSources(sources)
    throw error
  }
}

function serviceOf(config: WebhookConfig, sources: Sources, deps: WebhookDeps): ServiceOptions {
  const metrics = createMetrics({
    policies: () => sources.policy?.current().length ?? 0,
    policyProblems: () => sources.policy?.problems().length ?? 0,
    certificateExpiry: () => expiresAt(sources.tls),
  })
  const admission = {
    name: 'admission',
    listen: config.WEBHOOK_LISTEN,
    bodyLimit: BODY_LIMIT_BYTES,
    tls: sources.tls,
    routes: (app: FastifyInstance) => admissionRoutes(app, () => contextOf(config, sources), metrics, deps),
  }
  return {
    listeners: [admission],
    opsListen: config.OPS_LISTEN,
    log: deps.log,
    drainSeconds: config.DRAIN_SECONDS,
    metrics: metrics.render,
    // Once everything was there, what goes missing later is served from what was read last.
    unready: () => unready(sources),
  }
}

/** @param context read for every review, so that a new policy or CA counts at once */
export function admissionRoutes(
  app: FastifyInstance,
  context: () => InjectionContext,
  metrics: Pick<WebhookMetrics, 'countReview'>,
  { log, monotonicMs }: Pick<WebhookDeps, 'log' | 'monotonicMs'>,
): void {
  app.post(ADMISSION_PATH, async (request) => {
    const startedAt = monotonicMs()
    const admission = admit(request.body, context())
    metrics.countReview(admission.outcome, admission.reason, (monotonicMs() - startedAt) / 1000)
    logReview(log, admission)
    return admission.response
  })
  // Bodies that never became a review arrive here too, and a pod that is not created for one is counted like the others.
  app.setErrorHandler((error, _request, reply) => {
    metrics.countReview('failed', reasonOf(error), 0)
    return answerFault(error, reply, log)
  })
}

/** A line a review: who and what, nothing of the pod's content. */
function logReview(log: Log, { subject, outcome, reason }: Admission): void {
  log.info({ ...subject, outcome, reason }, 'reviewed')
}

/**
 * Anything but an answer to a review is an HTTP error, so that the configuration's failurePolicy decides;
 * a 200 with `allowed: false` would overrule it (kubernetes-sigs/controller-runtime#2662).
 */
async function answerFault(error: unknown, reply: FastifyReply, log: Log): Promise<string> {
  const status = statusOf(error)
  log[status < 500 ? 'warn' : 'error']({ err: error, status }, 'review not answered')
  reply.code(status).type('text/plain; charset=utf-8')
  return `${status < 500 && error instanceof Error ? error.message : 'the webhook could not do its work; its log says why'}\n`
}

function reasonOf(error: unknown): Reason {
  if (error instanceof ProjectorError) return error.reason
  return statusOf(error) < 500 ? 'input-malformed' : 'internal'
}

function statusOf(error: unknown): number {
  if (error instanceof ProjectorError) return error.reason === 'input-malformed' ? 400 : 500
  const { statusCode } = error as { statusCode?: number }
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? statusCode : 500
}

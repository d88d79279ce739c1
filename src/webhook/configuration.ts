/** Where the API server reads which CA signs the webhook's certificate: every `caBundle` of its configuration. */
import type { Place } from '../certificate/publish.ts'
import type { KubernetesClient } from '../kubernetes/client.ts'
import { type KubernetesObject, MUTATING_WEBHOOK_CONFIGURATIONS, objectPath } from '../kubernetes/object.ts'

interface Webhook {
  clientConfig: { caBundle?: string }
}

/** @param name of the MutatingWebhookConfiguration; the role grants get, watch and patch by it */
export function configurationPlace(name: string): Place {
  const target = { collection: MUTATING_WEBHOOK_CONFIGURATIONS, name }
  return {
    target,
    read: (configuration) => webhooksOf(configuration).map(({ clientConfig }) => decode(clientConfig.caBundle)),
    write: (client, configuration, bundle) =>
      patchBundles(client, objectPath(target.collection, name), configuration, bundle),
  }
}

/** Patched and not replaced: whatever else stands there is none of our business. */
function patchBundles(client: KubernetesClient, path: string, configuration: KubernetesObject, bundle: string) {
  const value = Buffer.from(bundle, 'utf8').toString('base64')
  const { resourceVersion } = configuration.metadata
  // A version that is not the newest makes the API server answer with a conflict, so an index never means another webhook.
  const guard = { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion }
  const writes = webhooksOf(configuration).map((_webhook, index) => ({
    op: 'add',
    path: `/webhooks/${index}/clientConfig/caBundle`,
    value,
  }))
  return client.patch(path, [guard, ...writes], 'application/json-patch+json')
}

function webhooksOf(configuration: KubernetesObject): Webhook[] {
  return (configuration['webhooks'] as Webhook[] | undefined) ?? []
}

function decode(bundle: string | undefined): string {
  return Buffer.from(bundle ?? '', 'base64').toString('utf8')
}

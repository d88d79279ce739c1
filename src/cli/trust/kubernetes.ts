/** Kubernetes: an API server's structured authentication, and the user that roles are bound to. Pure. */
import type { Receiver } from './receiver.ts'

export const kubernetes: Receiver = {
  name: 'kubernetes',
  title: 'Kubernetes API server',
  parameters: [
    {
      name: 'username-prefix',
      // Without one, or with system:, a subject could be the name of one of the cluster's own users.
      shape: 'letters, digits and hyphens and a colon, and not system:',
      pattern: /^(?!system:)[A-Za-z0-9-]{1,32}:$/,
      preset: 'token-projector:',
    },
  ],
  audience: () => 'token-projector.dev/kubernetes',
  documents: ({ issuer, subject, audience }, values) => {
    const prefix = values['username-prefix'] ?? ''
    const group = 'rbac.authorization.k8s.io'
    return [
      {
        place: 'file of kube-apiserver --authentication-config',
        content: {
          apiVersion: 'apiserver.config.k8s.io/v1',
          kind: 'AuthenticationConfiguration',
          jwt: [
            {
              issuer: { url: issuer, audiences: [audience] },
              claimMappings: { username: { claim: 'sub', prefix } },
            },
          ],
        },
      },
      {
        place: 'kubectl apply: what it may do, here only look',
        content: {
          apiVersion: `${group}/v1`,
          kind: 'ClusterRoleBinding',
          metadata: { name: 'token-projector-view' },
          roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'view' },
          subjects: [{ apiGroup: group, kind: 'User', name: prefix + subject }],
        },
      },
    ]
  },
  terraform: undefined,
}

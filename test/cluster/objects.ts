/** Kubernetes objects that the stories create. */
import { PROBE_IMAGE } from './image.ts'

export const PROBE = '/probe'
export const PORT = 8080

/** A server that answers with its own name, beside a native sidecar, announced by a file that its start hook writes. */
export const serverPod = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: {
    terminationGracePeriodSeconds: 5,
    volumes: [{ name: 'shared', emptyDir: { medium: 'Memory' } }],
    initContainers: [
      {
        name: 'sidecar',
        image: PROBE_IMAGE,
        restartPolicy: 'Always',
        args: ['sleep'],
        startupProbe: { exec: { command: [PROBE, 'write', '/shared/sidecar', 'started'] }, periodSeconds: 1 },
        volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
      },
    ],
    containers: [
      {
        name: 'server',
        image: PROBE_IMAGE,
        args: ['serve', `:${PORT}`, `this is ${name}`],
        lifecycle: { postStart: { exec: { command: [PROBE, 'write', '/shared/hook', 'ran'] } } },
        readinessProbe: { httpGet: { path: '/ready', port: PORT }, periodSeconds: 1 },
        volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
      },
    ],
  },
})

export const service = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ port: 80, targetPort: PORT }] },
})

export const idlePod = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 5,
    containers: [{ name: 'idle', image: PROBE_IMAGE, args: ['sleep'] }],
  },
})

/** A namespace that demands the strictest of the Pod Security Standards. */
export const restrictedNamespace = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
})

export const restrictedPod = (name: string, namespace: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: {
    terminationGracePeriodSeconds: 5,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'idle',
        image: PROBE_IMAGE,
        args: ['sleep'],
        resources: { limits: { cpu: '50m', memory: '32Mi' } },
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          readOnlyRootFilesystem: true,
        },
      },
    ],
  },
})

/** The ways in which people set the chart's values: each feature on, off, and with what one brings oneself. Pure. */
import type { Values } from './helm.ts'

const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'

export const VARIANTS: Readonly<Record<string, Values>> = {
  defaults: {},
  'monitoring, discovery and autoscaling': {
    metrics: {
      serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
      podMonitor: { enabled: true, labels: { release: 'prometheus' } },
      prometheusRule: { enabled: true, labels: { release: 'prometheus' } },
      dashboard: { enabled: true },
    },
    discovery: {
      ingress: { enabled: true, className: 'public', tlsSecretName: 'issuer', annotations: { note: 'https backend' } },
      gateway: { enabled: true, parentRefs: [{ name: 'public', namespace: 'gateways' }] },
    },
    webhook: { autoscaling: { enabled: true } },
    signer: { autoscaling: { enabled: true } },
  },
  'an issuer below a path': {
    issuer: { url: 'https://id.example.com/clusters/eu-1', algorithm: 'ES256', identityAudience: 'urn:acme:identity' },
    discovery: { ingress: { enabled: true } },
  },
  'cert-manager with a root of the release': { certificates: { source: 'certManager' } },
  'cert-manager with an issuer of its own': {
    certificates: { source: 'certManager', certManager: { issuerRef: { name: 'internal', kind: 'ClusterIssuer' } } },
  },
  'cert-manager and a bundle of trust-manager': {
    certificates: { source: 'certManager', signer: { caConfigMap: 'roots' } },
    discovery: { gateway: { enabled: true, parentRefs: [{ name: 'public' }] } },
  },
  'own certificates': {
    certificates: {
      source: 'secret',
      webhook: { secretName: 'webhook-pair' },
      signer: { secretName: 'signer-pair' },
    },
    admission: { annotations: { 'cert-manager.io/inject-ca-from-secret': 'token-projector/webhook-pair' } },
    discovery: { gateway: { enabled: true, parentRefs: [{ name: 'public' }] } },
  },
  'own certificates and roots': {
    certificates: {
      source: 'secret',
      webhook: { secretName: 'webhook-pair', caBundle: CERTIFICATE },
      signer: { secretName: 'signer-pair', caConfigMap: 'signer-roots' },
    },
  },
  'everything optional off': {
    admission: { failurePolicy: 'Ignore', policyCheck: 'off', strippedSidecar: 'Off', misplacedAnnotations: 'Off' },
    crds: { install: false },
    networkPolicy: { enabled: false },
    rbac: { create: false },
    webhook: { podDisruptionBudget: { enabled: false }, serviceAccount: { create: false, name: 'mine' } },
    signer: { podDisruptionBudget: { enabled: false }, serviceAccount: { create: false } },
  },
  'nothing to read in the cluster': {
    admission: { policyCheck: false, strippedSidecar: false, misplacedAnnotations: false },
    certificates: {
      source: 'secret',
      webhook: { secretName: 'webhook-pair' },
      signer: { secretName: 'signer-pair' },
    },
    cluster: { apiAudiences: ['https://api.example.com', 'https://api.internal'] },
  },
  'IPv6, the network of the node and narrow policies': {
    listenAddress: '::',
    sidecar: { cpu: '20m/100m', memory: '32Mi/64Mi' },
    webhook: { hostNetwork: true, port: 10_250, opsPort: 9191 },
    networkPolicy: {
      metricsFrom: [{ namespaceSelector: { matchLabels: { team: 'monitoring' } } }],
      apiServerCidrs: ['fd00::1/128'],
      apiServerPorts: [6443],
    },
  },
  'a prefix, selectors and kept policies': {
    admission: {
      annotationPrefix: 'identity.example.com/',
      excludedNamespaces: ['kube-system', 'token-projector', 'istio-system'],
      namespaceSelector: {
        matchLabels: { tenant: 'yes' },
        matchExpressions: [{ key: 'bare', operator: 'DoesNotExist' }],
      },
      objectSelector: { matchLabels: { tier: 'front' } },
      strippedSidecar: 'Warn',
      misplacedAnnotations: 'Audit',
    },
    crds: { keep: true },
  },
  'labels, annotations, places and a digest': {
    commonLabels: { team: 'identity' },
    fullnameOverride: 'tp',
    image: { registry: 'registry.test:5000/mirror', digest: `sha256:${'a'.repeat(64)}`, pullPolicy: 'Always' },
    imagePullSecrets: [{ name: 'pull' }],
    webhook: {
      podAnnotations: { a: 'b' },
      podLabels: { c: 'd' },
      priorityClassName: 'system-cluster-critical',
      tolerations: [{ operator: 'Exists' }],
      nodeSelector: { pool: 'system' },
      serviceAccount: { name: 'webhook', annotations: { e: 'f' } },
    },
    signer: {
      url: 'https://signer.example.com/exchange',
      podAnnotations: { a: 'b' },
      podLabels: { c: 'd' },
      affinity: { podAntiAffinity: {} },
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'rack', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} },
      ],
    },
  },
}

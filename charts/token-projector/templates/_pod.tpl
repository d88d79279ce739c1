{{/* What the pods of webhook and signer have in common: a dict of root, component and values, the component's own. */}}
{{- define "token-projector.deployment.spec" -}}
{{- if not .values.autoscaling.enabled }}
replicas: {{ .values.replicas }}
{{- end }}
revisionHistoryLimit: 3
# A new pod is ready before an old one goes.
strategy:
  type: RollingUpdate
  rollingUpdate:
    maxSurge: 1
    maxUnavailable: 0
selector:
  matchLabels:
    {{- include "token-projector.selectorLabels" . | nindent 4 }}
{{- end -}}

{{/* Without the chart's version: a chart that changes nothing in the pods must not roll them. */}}
{{- define "token-projector.pod.labels" -}}
{{ include "token-projector.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: token-projector
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- with .values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "token-projector.pod.common" -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
automountServiceAccountToken: true
enableServiceLinks: false
# The drain, the five seconds in which connections close, and a margin.
terminationGracePeriodSeconds: {{ add .values.drainSeconds 15 }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  seccompProfile:
    type: RuntimeDefault
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- if .values.topologySpreadConstraints }}
  {{- toYaml .values.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  {{- range $topologyKey := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $topologyKey }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "token-projector.selectorLabels" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
  {{- end }}
{{- end -}}

{{/* The container's part that is the same: a dict of root, component, values and program, the file in the image. */}}
{{- define "token-projector.container.common" -}}
image: {{ include "token-projector.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
# SIGUSR1 would open node's inspector.
command: [/usr/local/bin/node, --disable-sigusr1, {{ .program }}]
{{- with .values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
terminationMessagePolicy: FallbackToLogsOnError
# A start takes a second of processor time, which a busy node stretches. Whoever waits for the other listens already.
startupProbe:
  httpGet: {path: /livez, port: ops}
  periodSeconds: 2
  failureThreshold: 45
livenessProbe:
  httpGet: {path: /livez, port: ops}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: ops}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{/* Variables that both processes read. */}}
{{- define "token-projector.environment.common" -}}
- name: TOKEN_PROJECTOR_NAMESPACE
  valueFrom:
    fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}
- name: TOKEN_PROJECTOR_LOG_LEVEL
  value: {{ .values.logLevel }}
- name: TOKEN_PROJECTOR_DRAIN_SECONDS
  value: {{ .values.drainSeconds | quote }}
- name: TOKEN_PROJECTOR_OPS_LISTEN
  value: {{ include "token-projector.listen" (dict "root" .root "port" (default 9090 .values.opsPort)) | quote }}
{{- end -}}

{{/* YAML reads a bare off as false, and people write it so. The two actions are empty where they are off. */}}
{{- define "token-projector.policyCheck" -}}{{ .Values.admission.policyCheck | default "off" }}{{- end -}}
{{- define "token-projector.strippedSidecar" -}}
{{- if ne (toString .Values.admission.strippedSidecar) "Off" -}}{{ .Values.admission.strippedSidecar | default "" }}{{- end -}}
{{- end -}}
{{- define "token-projector.misplacedAnnotations" -}}
{{- if ne (toString .Values.admission.misplacedAnnotations) "Off" -}}{{ .Values.admission.misplacedAnnotations | default "" }}{{- end -}}
{{- end -}}

{{/* The namespaces whose pods are touched; ours never, since a webhook that admits its own pods cannot start. */}}
{{- define "token-projector.namespaceSelector" -}}
{{- $selector := .Values.admission.namespaceSelector -}}
{{- with $selector.matchLabels }}
matchLabels:
  {{- toYaml . | nindent 2 }}
{{- end }}
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values:
      {{- prepend .Values.admission.excludedNamespaces .Release.Namespace | uniq | toYaml | nindent 6 }}
  {{- with $selector.matchExpressions }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* CEL over an admission request: which pods are ours to judge. */}}
{{- define "token-projector.matchConditions" -}}
- name: annotated
  expression: >-
    has(object.metadata.annotations) &&
    object.metadata.annotations.exists(key, key.startsWith('{{ .Values.admission.annotationPrefix }}'))
# The kubelet makes mirror pods from files on its node; they may not use projected tokens.
- name: not-a-mirror-pod
  expression: >-
    !has(object.metadata.annotations) ||
    !('kubernetes.io/config.mirror' in object.metadata.annotations)
{{- end -}}

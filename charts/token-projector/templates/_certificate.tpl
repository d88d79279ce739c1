{{/* What both leaf certificates have in common. */}}
{{- define "token-projector.certificate.spec" -}}
duration: {{ .Values.certificates.certManager.duration }}
renewBefore: {{ .Values.certificates.certManager.renewBefore }}
privateKey:
  algorithm: ECDSA
  size: 256
  rotationPolicy: Always
usages: [digital signature, server auth]
issuerRef:
  {{- if .Values.certificates.certManager.issuerRef }}
  {{- toYaml .Values.certificates.certManager.issuerRef | nindent 2 }}
  {{- else }}
  name: {{ include "token-projector.root.name" . }}
  kind: Issuer
  group: cert-manager.io
  {{- end }}
{{- end -}}

{{/* Truthy where the release has a root of its own, made by cert-manager. */}}
{{- define "token-projector.root.enabled" -}}
{{- if and (eq .Values.certificates.source "certManager") (not .Values.certificates.certManager.issuerRef) -}}true{{- end -}}
{{- end -}}

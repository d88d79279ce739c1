{{/* Truthy where the webhook needs a role in its namespace: for its own Secret, or for the signer's roots. */}}
{{- define "token-projector.webhook.hasRole" -}}
{{- if or (eq .Values.certificates.source "selfManaged") (include "token-projector.signer.caConfigMapName" .) -}}true{{- end -}}
{{- end -}}

{{/* Truthy where it needs one in the whole cluster: to read policy, or to tell the API server its roots. */}}
{{- define "token-projector.webhook.hasClusterRole" -}}
{{- if or (eq .Values.certificates.source "selfManaged") (ne (include "token-projector.policyCheck" .) "off") -}}true{{- end -}}
{{- end -}}
{{- define "token-projector.signer.hasClusterRole" -}}true{{- end -}}

{{/* The signer always keeps its keys in a Secret. */}}
{{- define "token-projector.signer.hasRole" -}}true{{- end -}}

{{/* What the objects are called; suffixes of up to 23 characters still fit a label's 63. */}}
{{- define "token-projector.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "token-projector.webhook.name" -}}{{ include "token-projector.fullname" . }}-webhook{{- end -}}
{{- define "token-projector.signer.name" -}}{{ include "token-projector.fullname" . }}-signer{{- end -}}
{{- define "token-projector.public.name" -}}{{ include "token-projector.signer.name" . }}-public{{- end -}}
{{- define "token-projector.keys.name" -}}{{ include "token-projector.signer.name" . }}-keys{{- end -}}
{{- define "token-projector.root.name" -}}{{ include "token-projector.fullname" . }}-root{{- end -}}

{{/* Objects of the whole cluster carry the namespace too, so that two installations never share one. A namespace holds no dot. */}}
{{- define "token-projector.webhook.clusterName" -}}{{ include "token-projector.webhook.name" . }}.{{ .Release.Namespace }}{{- end -}}
{{- define "token-projector.signer.clusterName" -}}{{ include "token-projector.signer.name" . }}.{{ .Release.Namespace }}{{- end -}}

{{- define "token-projector.webhook.serviceAccountName" -}}
{{- default (ternary (include "token-projector.webhook.name" .) "default" .Values.webhook.serviceAccount.create) .Values.webhook.serviceAccount.name -}}
{{- end -}}
{{- define "token-projector.signer.serviceAccountName" -}}
{{- default (ternary (include "token-projector.signer.name" .) "default" .Values.signer.serviceAccount.create) .Values.signer.serviceAccount.name -}}
{{- end -}}

{{/* The Secret that holds a process's certificate, whoever fills it. */}}
{{- define "token-projector.webhook.tlsSecretName" -}}
{{- if eq .Values.certificates.source "secret" -}}
{{- required "certificates.webhook.secretName is required where certificates.source is secret: your Secret with tls.crt and tls.key for the webhook" .Values.certificates.webhook.secretName -}}
{{- else -}}
{{ include "token-projector.webhook.name" . }}-tls
{{- end -}}
{{- end -}}
{{- define "token-projector.signer.tlsSecretName" -}}
{{- if eq .Values.certificates.source "secret" -}}
{{- required "certificates.signer.secretName is required where certificates.source is secret: your Secret with tls.crt, tls.key and ca.crt for the signer" .Values.certificates.signer.secretName -}}
{{- else -}}
{{ include "token-projector.signer.name" . }}-tls
{{- end -}}
{{- end -}}

{{/* The ConfigMap whose ca.crt verifies the signer, or nothing where ca.crt lies in the signer's Secret. */}}
{{- define "token-projector.signer.caConfigMapName" -}}
{{- if eq .Values.certificates.source "selfManaged" -}}
{{ include "token-projector.signer.name" . }}-ca
{{- else -}}
{{- .Values.certificates.signer.caConfigMap -}}
{{- end -}}
{{- end -}}

{{/* The names that certificates are made for. */}}
{{- define "token-projector.webhook.host" -}}{{ include "token-projector.webhook.name" . }}.{{ .Release.Namespace }}.svc{{- end -}}
{{- define "token-projector.signer.host" -}}{{ include "token-projector.signer.name" . }}.{{ .Release.Namespace }}.svc{{- end -}}
{{- define "token-projector.public.host" -}}{{ include "token-projector.public.name" . }}.{{ .Release.Namespace }}.svc{{- end -}}

{{/* Without the cluster's domain: every pod that resolves Services resolves this, whatever the domain is. */}}
{{- define "token-projector.signer.url" -}}
{{- default (printf "https://%s" (include "token-projector.signer.host" .)) .Values.signer.url -}}
{{- end -}}

{{- define "token-projector.issuer.url" -}}
{{- required "issuer.url is required: the https URL by which receivers will know the issuer; it never changes after first use" .Values.issuer.url -}}
{{- end -}}
{{- define "token-projector.identityAudience" -}}
{{- default (printf "%s/token" (include "token-projector.issuer.url" .)) .Values.issuer.identityAudience -}}
{{- end -}}

{{- define "token-projector.image" -}}
{{- with .Values.image -}}
{{- $name := ternary .repository (printf "%s/%s" .registry .repository) (empty .registry) -}}
{{- if .digest -}}
{{- printf "%s@%s" $name .digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* host:port to listen on; an IPv6 address stands in brackets. */}}
{{- define "token-projector.listen" -}}
{{- $host := .root.Values.listenAddress -}}
{{- printf "%s:%d" (ternary (printf "[%s]" $host) $host (contains ":" $host)) (int .port) -}}
{{- end -}}

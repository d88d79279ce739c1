{{/* A dict of root and port. Who may read health and metrics. The kubelet's probes come from the node, which network plug-ins let pass. */}}
{{- define "token-projector.networkpolicy.ops" -}}
- ports:
    - {protocol: TCP, port: {{ .port }}}
  {{- with .root.Values.networkPolicy.metricsFrom }}
  from:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* The API server is no pod, so that only addresses and ports can name it. */}}
{{- define "token-projector.networkpolicy.apiServer" -}}
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- with .Values.networkPolicy.apiServerCidrs }}
  to:
    {{- range . }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  {{- end }}
{{- end -}}

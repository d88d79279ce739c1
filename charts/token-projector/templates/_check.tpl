{{/* A pod that `helm test` runs: a dict of root, script, base, host and env; the roots come from a ConfigMap or a Secret. */}}
{{- define "token-projector.check.spec" -}}
restartPolicy: Never
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  seccompProfile:
    type: RuntimeDefault
containers:
  - name: check
    image: {{ include "token-projector.image" .root | quote }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    command: [/usr/local/bin/node, --input-type=module, --eval]
    args:
      - |
        {{- print (.root.Files.Get "files/check-patience.mjs") (.root.Files.Get .script) | nindent 8 }}
    env:
      - {name: BASE, value: {{ printf "https://%s" .host | quote }}}
      - {name: HOST, value: {{ .host | quote }}}
      - {name: ISSUER, value: {{ include "token-projector.issuer.url" .root | quote }}}
      - {name: ROOTS, value: /etc/token-projector/check/ca.crt}
      - {name: PATIENCE_SECONDS, value: "30"}
    resources:
      requests: {cpu: 50m, memory: 64Mi}
      limits: {memory: 128Mi}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: [ALL]
    volumeMounts:
      - {name: roots, mountPath: /etc/token-projector/check, readOnly: true}
volumes:
  - name: roots
    {{- if .configMap }}
    configMap:
      name: {{ .configMap }}
      items:
        - {key: ca.crt, path: ca.crt}
    {{- else }}
    secret:
      secretName: {{ .secret }}
      optional: true
      items:
        - {key: ca.crt, path: ca.crt}
    {{- end }}
{{- end -}}

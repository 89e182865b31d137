{{- define "greeter.service" -}}
service: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}, path: {{ .path }}}
caBundle: {{ .Values.tls.crt | b64enc }}
{{- end }}

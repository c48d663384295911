{{- define "parley.labels" -}}
app: {{ . }}
app.kubernetes.io/part-of: parley
app.kubernetes.io/managed-by: Helm
{{- end }}

{{- define "parley.secret" -}}
{{ .Values.secrets.existingSecret | default "messaging-app" }}
{{- end }}

{{- /* The settings that come from values, and `settings`, which wins. */ -}}
{{- define "parley.settings" -}}
{{- $settings := dict
  "ALLOWED_HOSTS" (append .Values.hosts "messaging-app" | join ",")
  "PARLEY_FORWARDED_ALLOW_IPS" (join "," .Values.forwardedAllowIps)
  "REDIS_CACHE_URL" .Values.redis.cacheUrl
  "PARLEY_ADMIN_HOST" "0.0.0.0"
  "PARLEY_ADMIN_PORT" "8001"
  "PARLEY_SHARDS" (toString .Values.shards)
  "PARLEY_LIMIT_CONCURRENCY" (.Values.limitConcurrency | int | toString)
  "PARLEY_DATA_DIR" "/var/lib/parley"
  "PARLEY_ATTACHMENTS_DIRECTORY" "/var/lib/parley/attachments"
  "PARLEY_DRAIN_DELAY" "5s"
  "PARLEY_TIMEOUT_GRACEFUL_SHUTDOWN" "30s"
  "PARLEY_LOG_FORMAT" "json" -}}
{{- merge (dict) .Values.settings $settings | toYaml -}}
{{- end }}

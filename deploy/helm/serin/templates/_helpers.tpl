{{- define "serin.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "serin.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "serin.selector" -}}
app.kubernetes.io/name: {{ include "serin.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "serin.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{ include "serin.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "serin.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "serin.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "serin.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "serin.plansConfigMap" -}}
{{- default (printf "%s-plans" (include "serin.fullname" .)) .Values.plansConfigMap -}}
{{- end -}}

{{- define "serin.scheme" -}}
{{- if .Values.tls.existingSecret }}https{{ else }}http{{ end -}}
{{- end -}}

{{- define "serin.labelSelector" -}}
{{- printf "job=%q" (include "serin.name" .) -}}
{{- end -}}

{{/* With TLS the plan of the test would need your authority: the probes stand in. */}}
{{- define "serin.tested" -}}
{{- if and .Values.tests.enabled (not .Values.tls.existingSecret) }}true{{ end -}}
{{- end -}}

{{/* What helm test's pod is known by: not by what the Service selects. */}}
{{- define "serin.testSelector" -}}
app.kubernetes.io/name: {{ include "serin.name" . }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Nine tenths of the memory limit, at which Go collects its garbage rather than grow.
     Nothing where there is no limit, or one in a unit that is not known here. */}}
{{- define "serin.memory" -}}
{{- $limit := dig "limits" "memory" "" .Values.resources -}}
{{- if not (kindIs "string" $limit) -}}{{- $limit = printf "%d" (int64 $limit) -}}{{- end -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 -}}
{{- $unit := regexFind "[A-Za-z]*$" $limit -}}
{{- if and (regexMatch "^[0-9]+(\\.[0-9]+)?[A-Za-z]*$" $limit) (hasKey $units $unit) -}}
{{- $bytes := mulf (trimSuffix $unit $limit | float64) (get $units $unit) 0.9 -}}
{{- if ge $bytes 1048576.0 -}}{{- divf $bytes 1048576 | floor | int64 -}}MiB{{- end -}}
{{- end -}}
{{- end -}}

{{/* What is missing is told at once, and by the value's name. */}}
{{- define "serin.check" -}}
{{- $missing := list -}}
{{- if not (or .Values.token.existingSecret .Values.config.tokens) -}}
{{- $missing = append $missing "token.existingSecret: name the Secret with the token that callers send (or list callers in config.tokens); make one with: kubectl create secret generic serin-token --from-literal=token=\"$(openssl rand -hex 32)\"" -}}
{{- end -}}
{{- if not .Values.config.sources -}}
{{- $missing = append $missing "config.sources: list at least one metrics store, such as {name: prometheus, prometheus: {url: \"http://prometheus-operated.monitoring:9090\"}}" -}}
{{- end -}}
{{- if not (or .Values.plans .Values.plansConfigMap) -}}
{{- $missing = append $missing "plans: write at least one plan, or name a ConfigMap with plans in plansConfigMap" -}}
{{- end -}}
{{- if and .Values.plans .Values.plansConfigMap -}}
{{- $missing = append $missing "plansConfigMap: plans are given as well; keep one of the two" -}}
{{- end -}}
{{- if and (eq .Values.journal.kind "postgres") (not .Values.journal.postgres.existingSecret) -}}
{{- $missing = append $missing "journal.postgres.existingSecret: name the Secret that holds the URL of the database" -}}
{{- end -}}
{{- if and (eq .Values.journal.kind "sqlite") (gt (int .Values.replicas) 1) -}}
{{- $missing = append $missing "replicas: more than one needs journal.kind postgres; a SQLite file belongs to one process" -}}
{{- end -}}
{{- if and .Values.tls.clientCA (not .Values.tls.existingSecret) -}}
{{- $missing = append $missing "tls.existingSecret: clients' certificates need TLS; name a Secret with tls.crt, tls.key and ca.crt" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- $missing = append $missing "ingress.host: say under which name Serin is reached" -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- $missing = append $missing "httpRoute.parentRefs: name the Gateway" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not (or .Values.token.existingSecret .Values.serviceMonitor.tokenSecret.name)) -}}
{{- $missing = append $missing "serviceMonitor.tokenSecret.name: /metrics asks for a token with the right read; name the Secret that has it" -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled .Values.networkPolicy.from -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.networkPolicy.fromMonitoring) -}}
{{- $missing = append $missing "networkPolicy.fromMonitoring: networkPolicy.from shuts everybody else out, and serviceMonitor is enabled; name the peer that Prometheus is, such as {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}" -}}
{{- end -}}
{{- if and (or .Values.ingress.enabled .Values.httpRoute.enabled) (not .Values.networkPolicy.fromIngress) -}}
{{- $missing = append $missing "networkPolicy.fromIngress: networkPolicy.from shuts everybody else out, and there is an ingress or a route; name the peer that its controller is, such as {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}" -}}
{{- end -}}
{{- end -}}
{{- if $missing -}}
{{- fail (printf "\n\nThese values are missing or contradict each other:\n  %s\n" (join "\n  " $missing)) -}}
{{- end -}}
{{- end -}}

{{/* serin.yaml: the values' config, and what the chart knows better. */}}
{{- define "serin.config" -}}
{{- $own := dict "listen" (printf ":%d" (int .Values.port)) "plans" "/etc/serin/plans" -}}
{{- if eq .Values.journal.kind "postgres" -}}
{{- $_ := set $own "journal" "file:/run/secrets/serin/journal/url" -}}
{{- else -}}
{{- $_ := set $own "journal" "/var/lib/serin/serin.db" -}}
{{- end -}}
{{- if .Values.token.existingSecret -}}
{{- $_ := set $own "tokenFiles" (list "/run/secrets/serin/token/token") -}}
{{- end -}}
{{- if .Values.tls.existingSecret -}}
{{- $_ := set $own "webConfig" "/etc/serin/config/web.yaml" -}}
{{- end -}}
{{- mergeOverwrite (deepCopy .Values.config) $own | toYaml -}}
{{- end -}}

{{- define "serin.web" -}}
tls_server_config:
  cert_file: /run/secrets/serin/tls/tls.crt
  key_file: /run/secrets/serin/tls/tls.key
  {{- if .Values.tls.clientCA }}
  client_ca_file: /run/secrets/serin/tls/ca.crt
  client_auth_type: VerifyClientCertIfGiven
  {{- end }}
{{- end -}}

{{- define "serin.plan" -}}
{{- if kindIs "string" . }}{{ . }}{{ else }}{{ toYaml . }}{{ end -}}
{{- end -}}

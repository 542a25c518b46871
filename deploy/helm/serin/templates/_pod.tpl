{{/* The pod, which is the same in a Deployment and a StatefulSet. */}}
{{- define "serin.pod" -}}
metadata:
  annotations:
    checksum/config: {{ printf "%s%s" (include "serin.config" .) (include "serin.web" .) | sha256sum }}
    {{- if not .Values.plansConfigMap }}
    checksum/plans: {{ toJson .Values.plans | sha256sum }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    {{- include "serin.selector" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "serin.serviceAccount" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- if kindIs "invalid" .Values.topologySpreadConstraints }}
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "serin.selector" . | nindent 10 }}
    {{- else }}
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
    {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: serin
      image: {{ include "serin.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - serve
        - --config=/etc/serin/config/serin.yaml
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- $memory := include "serin.memory" . }}
      {{- range .Values.extraEnv }}
      {{- if eq .name "GOMEMLIMIT" }}{{ $memory = "" }}{{ end }}
      {{- end }}
      {{- if or $memory .Values.extraEnv }}
      env:
        {{- with $memory }}
        - { name: GOMEMLIMIT, value: {{ . }} }
        {{- end }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: http
          containerPort: {{ .Values.port }}
          protocol: TCP
      startupProbe:
        httpGet: { path: /healthz, port: http, scheme: {{ include "serin.scheme" . | upper }} }
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /healthz, port: http, scheme: {{ include "serin.scheme" . | upper }} }
        periodSeconds: {{ .Values.probes.periodSeconds }}
        timeoutSeconds: 5
        failureThreshold: {{ .Values.probes.failureThreshold }}
      readinessProbe:
        httpGet: { path: {{ .Values.probes.readinessPath }}, port: http, scheme: {{ include "serin.scheme" . | upper }} }
        periodSeconds: {{ .Values.probes.periodSeconds }}
        timeoutSeconds: 5
        failureThreshold: {{ .Values.probes.failureThreshold }}
      {{- if and (gt (int .Values.preStopSleepSeconds) 0) (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) }}
      lifecycle:
        preStop:
          sleep: { seconds: {{ .Values.preStopSleepSeconds }} }
      {{- end }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        {{- include "serin.mounts" . | nindent 8 }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "serin.volumes" . | nindent 4 }}
{{- end -}}

{{- define "serin.mounts" -}}
- { name: config, mountPath: /etc/serin/config, readOnly: true }
- { name: plans, mountPath: /etc/serin/plans, readOnly: true }
- { name: tmp, mountPath: /tmp }
{{- if eq .Values.journal.kind "sqlite" }}
- { name: data, mountPath: /var/lib/serin }
{{- else }}
- { name: journal, mountPath: /run/secrets/serin/journal, readOnly: true }
{{- end }}
{{- if .Values.token.existingSecret }}
- { name: token, mountPath: /run/secrets/serin/token, readOnly: true }
{{- end }}
{{- if .Values.tls.existingSecret }}
- { name: tls, mountPath: /run/secrets/serin/tls, readOnly: true }
{{- end }}
{{- range .Values.secrets }}
- { name: {{ printf "secret-%s" .path }}, mountPath: {{ printf "/run/secrets/serin/%s" .path }}, readOnly: true }
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "serin.volumes" -}}
- name: config
  configMap: { name: {{ include "serin.fullname" . }} }
- name: plans
  configMap: { name: {{ include "serin.plansConfigMap" . }} }
- name: tmp
  emptyDir: { sizeLimit: 256Mi }
{{- if eq .Values.journal.kind "postgres" }}
- name: journal
  secret:
    secretName: {{ .Values.journal.postgres.existingSecret }}
    defaultMode: 0440
    items: [{ key: {{ .Values.journal.postgres.key }}, path: url }]
{{- else if .Values.journal.sqlite.existingClaim }}
- name: data
  persistentVolumeClaim: { claimName: {{ .Values.journal.sqlite.existingClaim }} }
{{- end }}
{{- with .Values.token.existingSecret }}
- name: token
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items: [{ key: {{ $.Values.token.key }}, path: token }]
{{- end }}
{{- with .Values.tls.existingSecret }}
- name: tls
  secret: { secretName: {{ . }}, defaultMode: 0440 }
{{- end }}
{{- range .Values.secrets }}
- name: {{ printf "secret-%s" .path }}
  secret: { secretName: {{ .secret }}, defaultMode: 0440 }
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

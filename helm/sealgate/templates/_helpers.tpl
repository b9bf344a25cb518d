{{- define "sealgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "sealgate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "sealgate.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "sealgate.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "sealgate.selector" -}}
app.kubernetes.io/name: {{ include "sealgate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sealgate.labels" -}}
{{ include "sealgate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "sealgate.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "sealgate.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "sealgate.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "sealgate.tlsSecret" -}}
{{- if .Values.tls.certManager.enabled -}}
{{- include "sealgate.fullname" . }}-tls
{{- else -}}
{{- .Values.tls.existingSecret -}}
{{- end -}}
{{- end -}}

{{- define "sealgate.port" -}}
{{- if .Values.service.port }}{{ .Values.service.port }}{{ else if include "sealgate.tlsSecret" . }}443{{ else }}80{{ end -}}
{{- end -}}

{{/* A volume of files: from the values, or from what is there. Called with (list context name part). */}}
{{- define "sealgate.files" -}}
{{- $top := index . 0 -}}{{- $name := index . 1 -}}{{- $part := index . 2 -}}
- name: {{ $name }}
{{- if $part.existingSecret }}
  secret: {secretName: {{ $part.existingSecret | quote }}}
{{- else }}
  configMap: {name: {{ default (printf "%s-%s" (include "sealgate.fullname" $top) $name) $part.existingConfigMap | quote }}}
{{- end }}
{{- end -}}

{{/* Whether there is anything to mount. */}}
{{- define "sealgate.has" -}}
{{- if or .files .existingConfigMap .existingSecret }}yes{{ end -}}
{{- end -}}

{{/* Kubernetes' restricted profile: of a pod, and of a container. */}}
{{- define "sealgate.restrictedPod" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "sealgate.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* The settings file: what was said, and what the chart itself knows. */}}
{{- define "sealgate.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- $_ := set $settings "listen" "0.0.0.0:8080" -}}
{{- $_ := set $settings "admin_listen" "0.0.0.0:9090" -}}
{{- $_ := set $settings "drain" (int .Values.drain) -}}
{{- $_ := set $settings "policies" (list "/etc/sealgate/policies") -}}
{{- if .Values.keys.ring -}}
{{- $ring := dict -}}
{{- range $name, $key := .Values.keys.ring -}}
{{- if kindIs "map" $key -}}
{{- $_ := set $ring $name (set (deepCopy $key) "public_key" (printf "/etc/sealgate/keys/%s" $key.public_key)) -}}
{{- else -}}
{{- $_ := set $ring $name (printf "/etc/sealgate/keys/%s" $key) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $settings "keys" $ring -}}
{{- end -}}
{{- if .Values.trustedRoots.roots -}}
{{- $roots := dict -}}
{{- range $name, $root := .Values.trustedRoots.roots -}}
{{- if kindIs "map" $root -}}
{{- $_ := set $roots $name (set (deepCopy $root) "root" (printf "/etc/sealgate/trusted-roots/%s" $root.root)) -}}
{{- else if eq $root "public-good" -}}
{{- $_ := set $roots $name $root -}}
{{- else -}}
{{- $_ := set $roots $name (printf "/etc/sealgate/trusted-roots/%s" $root) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $settings "trusted_roots" $roots -}}
{{- end -}}
{{- if include "sealgate.tlsSecret" . -}}
{{- $tls := dict "certificate" "/etc/sealgate/tls/tls.crt" "key" "/etc/sealgate/tls/tls.key" -}}
{{- if .Values.tls.clientCA -}}{{- $_ := set $tls "client_ca" "/etc/sealgate/tls/ca.crt" -}}{{- end -}}
{{- $_ := set $settings "tls" $tls -}}
{{- end -}}
{{- if eq .Values.state.kind "sqlite" -}}
{{- $_ := set $settings "state" "sqlite:///var/lib/sealgate/state.db" -}}
{{- else if eq .Values.state.kind "postgresql" -}}
{{- $_ := set $settings "state" (dict "url_file" "/etc/sealgate/state/url" "key_file" "/etc/sealgate/state/key") -}}
{{- else -}}
{{- $_ := set $settings "state" "memory" -}}
{{- end -}}
{{- toYaml $settings -}}
{{- end -}}

{{/* What does not go together, all told before anything is applied. */}}
{{- define "sealgate.check" -}}
{{- if not (include "sealgate.has" .Values.policies) }}{{ fail "policies: say files, existingConfigMap or existingSecret: without policies nothing is admitted" }}{{ end -}}
{{- range $name := list "policies" "keys" "trustedRoots" -}}
{{- $part := get $.Values $name -}}
{{- $said := list -}}
{{- range $way := list "files" "existingConfigMap" "existingSecret" }}{{ if get $part $way }}{{ $said = append $said $way }}{{ end }}{{ end -}}
{{- if gt (len $said) 1 }}{{ fail (printf "%s: one of %s, not both" $name (join " and " $said)) }}{{ end -}}
{{- end -}}
{{- if and .Values.keys.ring (not (include "sealgate.has" .Values.keys)) }}{{ fail "keys.ring: say where its files are: keys.files, existingConfigMap or existingSecret" }}{{ end -}}
{{- if and (ne .Values.state.kind "postgresql") (or (ne (int .Values.replicas) 1) .Values.autoscaling.enabled) }}{{ fail (printf "state.kind: %s is for one replica, since others would refuse blobs whose manifests they have not served: set replicas: 1 without autoscaling, or state.kind: postgresql" .Values.state.kind) }}{{ end -}}
{{- if and (eq .Values.state.kind "postgresql") (not .Values.state.postgresql.existingSecret) }}{{ fail "state.postgresql.existingSecret: name the Secret with the URL of the database and the key (or choose state.kind: sqlite with replicas: 1)" }}{{ end -}}
{{- if and .Values.tls.existingSecret .Values.tls.certManager.enabled }}{{ fail "tls: one of existingSecret and certManager, not both" }}{{ end -}}
{{- if and .Values.tls.clientCA (not (include "sealgate.tlsSecret" .)) }}{{ fail "tls.clientCA: there is no Secret with a ca.crt: say tls.existingSecret or tls.certManager" }}{{ end -}}
{{- if and .Values.tls.certManager.enabled (or (not .Values.tls.certManager.issuerRef) (not .Values.tls.certManager.dnsNames)) }}{{ fail "tls.certManager: say issuerRef and dnsNames" }}{{ end -}}
{{- if and .Values.nodeConfiguration.enabled (not .Values.nodeConfiguration.gate) }}{{ fail "nodeConfiguration.gate: say how nodes reach the gate, as in https://gate.example" }}{{ end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}{{ fail "autoscaling: minReplicas is more than maxReplicas" }}{{ end -}}
{{- end -}}

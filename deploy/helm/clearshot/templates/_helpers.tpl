{{- define "clearshot.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-clearshot" .Release.Name) (contains "clearshot" .Release.Name) -}}
{{- default $name .Values.fullnameOverride | trunc 56 | trimSuffix "-" -}}
{{- end }}

{{- /* What selectors select by: two releases may share a namespace, and the bulk job's pods are none of the service's. */}}
{{- define "clearshot.selector" -}}
app.kubernetes.io/name: clearshot
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "clearshot.release" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "clearshot.labels" -}}
{{ include "clearshot.selector" . }}
{{ include "clearshot.release" . }}
{{- end }}

{{- define "clearshot.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}

{{- /* The text of the profiles: the given ones, which have to be a profiles file, or the built-in ones. */}}
{{- define "clearshot.profiles" -}}
{{- $text := .Values.profiles | default (.Files.Get "files/profiles.json") -}}
{{- if not (hasKey (fromJson $text) "profiles") }}{{ fail "profiles is not the text of a profiles file" }}{{ end -}}
{{- $text -}}
{{- end }}

{{- define "clearshot.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "clearshot.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

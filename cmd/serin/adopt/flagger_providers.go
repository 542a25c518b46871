package adopt

import (
	"slices"
	"strings"
)

// provider is what Flagger's two built-in checks ask of a mesh or an ingress, without
// the arms. The names of series and labels are Flagger 1.44's
// (pkg/metrics/observers). In selector and names, TARGET is the workload and SERVICE
// the service of the Canary.
type provider struct {
	names  []string
	prefix bool // every provider that begins with the name
	preset string

	requests string // counter of requests
	failed   string // matcher of those that failed
	duration string // histogram of durations, its _bucket
	mean     string // where Flagger asks for the mean: the histogram without its suffix
	unit     string // of durations, where the name does not say it
	selector string
	// label, baseline and canary tell the arms apart where workload and pods do not.
	label, baseline, canary string

	why string // why the arms cannot be told apart
}

const (
	podsKubernetes = `kubernetes_namespace="{{ .Namespace }}", kubernetes_pod_name=~"{{ .PodPattern }}"`
	workloadIstio  = `reporter="destination", destination_workload_namespace="{{ .Namespace }}", destination_workload="{{ .Workload }}"`
)

// envoy fills in what Envoy's metrics are called everywhere.
func envoy(p provider) provider {
	p.requests, p.failed = "envoy_cluster_upstream_rq", `envoy_response_code=~"5.*"`
	p.duration, p.unit = "envoy_cluster_upstream_rq_time_bucket", "ms"
	return p
}

func providers() []provider {
	return []provider{
		{names: []string{"istio"}, preset: "istio", duration: "istio_request_duration_milliseconds_bucket", selector: workloadIstio},
		{
			names: []string{"linkerd"}, requests: `response_total{direction="inbound"}`, failed: `classification="failure"`,
			duration: `response_latency_ms_bucket{direction="inbound"}`, unit: "ms",
			selector: `namespace="{{ .Namespace }}", deployment="{{ .Workload }}"`,
		},
		{
			names: []string{"kubernetes"}, requests: "http_request_duration_seconds_count", failed: `status=~"5.*"`,
			duration: "http_request_duration_seconds_bucket", selector: podsKubernetes,
		},
		{
			names: []string{"gatewayapi"}, prefix: true, requests: "http_request_duration_seconds_count", failed: `status=~"5.*"`,
			duration: "http_request_duration_seconds_bucket", selector: podsKubernetes,
		},
		envoy(provider{names: []string{"appmesh"}, prefix: true, selector: podsKubernetes}),
		envoy(provider{
			names: []string{"contour"}, selector: `envoy_cluster_name=~"{{ .Namespace }}_{{ .Labels.service }}_[0-9a-zA-Z-]+"`,
			label: "service", baseline: "SERVICE-primary", canary: "SERVICE-canary",
		}),
		envoy(provider{
			names: []string{"gloo"}, prefix: true, selector: `envoy_cluster_name=~"{{ .Namespace }}-{{ .Labels.upstream }}-[0-9a-zA-Z-]+_[0-9a-zA-Z-]+"`,
			label: "upstream", baseline: "SERVICE-primaryupstream", canary: "SERVICE-canaryupstream",
		}),
		envoy(provider{
			names: []string{"kuma"}, selector: `service=~"{{ .Labels.service }}_{{ .Namespace }}_svc_[0-9a-zA-Z-]+"`,
			label: "service", baseline: "TARGET-primary", canary: "TARGET-canary",
		}),
		{
			names: []string{"osm"}, requests: `osm_request_total{destination_kind="Deployment"}`, failed: `response_code=~"5.*"`,
			duration: `osm_request_duration_ms_bucket{destination_kind="Deployment"}`, unit: "ms",
			selector: `destination_namespace="{{ .Namespace }}", destination_name="{{ .Workload }}"`,
		},
		{
			names: []string{"traefik"}, requests: "traefik_service_request_duration_seconds_count", failed: `code=~"5.."`,
			duration: "traefik_service_request_duration_seconds_bucket",
			selector: `service=~"{{ .Namespace }}-{{ .Labels.service }}-[0-9a-zA-Z-]+@kubernetescrd"`,
			label:    "service", baseline: "TARGET-primary", canary: "TARGET-canary",
		},
		{
			names: []string{"skipper"}, requests: "skipper_response_duration_seconds_count", failed: `code=~"5.."`,
			duration: "skipper_serve_route_duration_seconds_bucket", mean: "skipper_serve_route_duration_seconds",
			selector: `route=~"kube(ew)?_NAMESPACE__INGRESS_canary__.*__{{ .Labels.backend }}(_[0-9]+)?"`,
			label:    "backend", baseline: "SERVICE_primary", canary: "SERVICE_canary",
		},
		{names: []string{"nginx"}, why: `NGINX counts the baseline's requests under an empty label (canary=""), which no selector can ask for`},
		{names: []string{"apisix"}, why: "APISIX counts both arms' requests under the canary's route"},
		{names: []string{"knative"}, why: "Knative's arms are revisions, whose names are known to the cluster alone"},
	}
}

// providerOf returns the metrics of a provider. Flagger asks Istio's where it does
// not know a name; so the second value is false there.
func providerOf(name string) (provider, bool) {
	var istio provider
	for _, p := range providers() {
		if slices.Contains(p.names, name) || p.prefix && strings.HasPrefix(name, p.names[0]) {
			return p, true
		}
		if p.preset != "" {
			istio = p
		}
	}
	return istio, false
}

// with adds a matcher to a selector.
func with(selector, matcher string) string {
	if before, ok := strings.CutSuffix(selector, "}"); ok {
		return before + "," + matcher + "}"
	}
	return selector + "{" + matcher + "}"
}

func (p provider) errors() string {
	return "sum(rate(" + with(p.requests, p.failed) + "[1m])) / sum(rate(" + p.requests + "[1m]))"
}

func (p provider) latency() string {
	return "histogram_quantile(0.99, sum by (le) (rate(" + p.duration + "[1m])))"
}

func (p provider) average() string {
	return "sum(rate(" + p.mean + "_sum[1m])) / sum(rate(" + p.mean + "_count[1m]))"
}

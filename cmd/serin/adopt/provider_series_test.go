package adopt

import (
	"regexp"
	"testing"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// series are labels of one series of each arm, as a provider with Flagger's routers
// has them: the Canary web of namespace shop, with the service web-svc behind the
// ingress web-in. They match Flagger's own selectors of the canary, and the same with
// primary for canary.
func series() map[string]struct{ canary, baseline map[string]string } {
	type labels = map[string]string
	type pair = struct{ canary, baseline map[string]string }
	pods := pair{
		labels{"kubernetes_namespace": "shop", "kubernetes_pod_name": "web-5d9f87694-x2x9z"},
		labels{"kubernetes_namespace": "shop", "kubernetes_pod_name": "web-primary-7c6d8f9b5-k4l2m"},
	}
	return map[string]pair{
		"istio": {
			labels{"reporter": "destination", "destination_workload_namespace": "shop", "destination_workload": "web"},
			labels{"reporter": "destination", "destination_workload_namespace": "shop", "destination_workload": "web-primary"},
		},
		"linkerd":    {labels{"namespace": "shop", "deployment": "web"}, labels{"namespace": "shop", "deployment": "web-primary"}},
		"kubernetes": pods,
		"gatewayapi": pods,
		"appmesh":    pods,
		"contour":    {labels{"envoy_cluster_name": "shop_web-svc-canary_80"}, labels{"envoy_cluster_name": "shop_web-svc-primary_80"}},
		"gloo":       {labels{"envoy_cluster_name": "shop-web-svc-canaryupstream-80_gloo-system"}, labels{"envoy_cluster_name": "shop-web-svc-primaryupstream-80_gloo-system"}},
		"kuma":       {labels{"service": "web-canary_shop_svc_80"}, labels{"service": "web-primary_shop_svc_80"}},
		"osm": {
			labels{"destination_namespace": "shop", "destination_name": "web"},
			labels{"destination_namespace": "shop", "destination_name": "web-primary"},
		},
		"traefik": {labels{"service": "shop-web-canary-80@kubernetescrd"}, labels{"service": "shop-web-primary-80@kubernetescrd"}},
		"skipper": {
			labels{"route": "kubeew_shop__web_in_canary__app_example_com____web_svc_canary_1"},
			labels{"route": "kubeew_shop__web_in_canary__app_example_com____web_svc_primary_1"},
		},
	}
}

// separates ensures that a metric takes the canary's series for the canary, the
// baseline's for the baseline, and neither for the other.
func separates(t *testing.T, name string, m plan.Metric, arms plan.Arms) {
	t.Helper()
	of, ok := series()[name]
	if !ok {
		t.Errorf("%s: there are no series to try it on", name)
		return
	}
	for _, arm := range []struct {
		arm    plan.Arm
		labels map[string]string
		want   bool
	}{{arms.Canary, of.canary, true}, {arms.Canary, of.baseline, false}, {arms.Baseline, of.baseline, true}, {arms.Baseline, of.canary, false}} {
		ms, err := m.Matchers(arm.arm)
		if err != nil {
			t.Errorf("%s: %s: %v", name, m.Name, err)
			continue
		}
		if got := agree(t, ms, arm.labels); got != arm.want {
			t.Errorf("%s: %s: %v takes %v: got %v, want %v", name, m.Name, ms, arm.labels, got, arm.want)
		}
	}
}

func agree(t *testing.T, ms []queries.Matcher, labels map[string]string) bool {
	t.Helper()
	for _, m := range ms {
		switch m.Op {
		case queries.Equal:
			if labels[m.Label] != m.Value {
				return false
			}
		case queries.Match:
			if !regexp.MustCompile("^(?s:" + m.Value + ")$").MatchString(labels[m.Label]) {
				return false
			}
		default:
			t.Errorf("got the operator %s, want = or =~", m.Op)
		}
	}
	return true
}

package presettest

import (
	"fmt"
	"strings"
)

// mixedWant is what every metric of a mixed service's requests, containers and virtual
// machines must give: for the baseline with two pods, and the canary with one.
func mixedWant(baseline []string, canary string) map[string][]string {
	both := func(v string) string { return baseline[0] + "=" + v + " " + baseline[1] + "=" + v }
	return map[string][]string{
		"errors": {"3 of 100", "2 of 40"}, "requests": {"100", "40"}, "client-errors": {"2 of 100", "5 of 40"},
		"cpu": {"12", "6"}, "memory": {both("3000"), canary + "=3000"},
		"jvm-heap": {both("2000"), canary + "=2000"}, "jvm-gc": {"0.5", "0.25"}, "jvm-threads": {both("40"), canary + "=40"},
	}
}

// answered are an arm's requests, by how they were answered.
type answered struct{ ok, client, server float64 }

// lines are the requests as lines of a proof; a metric has a label for the status.
func (a answered) lines(metric, code, labels string) string {
	var out strings.Builder
	for status, n := range map[string]float64{"200": a.ok, "404": a.client, "503": a.server} {
		fmt.Fprintf(&out, "counter %s{%s=%q,%s} %v\n", metric, code, status, labels, n)
	}
	return out.String()
}

// resourcesOf are the targets that know pods: the kubelet, and each pod's virtual machine.
func resourcesOf(pods ...string) []Target {
	var kubelet strings.Builder
	var out []Target
	for _, pod := range pods {
		fmt.Fprintf(&kubelet, "counter container_cpu_usage_seconds_total{namespace=\"shop\",pod=%q,container=\"app\"} 6\n", pod)
		fmt.Fprintf(&kubelet, "gauge container_memory_working_set_bytes{namespace=\"shop\",pod=%q,container=\"app\"} 3000\n", pod)
		out = append(out, Target{
			Labels: map[string]string{"job": "pods", "instance": pod + ":8080", "namespace": "shop", "pod": pod},
			Series: "gauge jvm_memory_used_bytes{area=\"heap\"} 2000\ncounter jvm_gc_pause_seconds_sum{} 0.25\ngauge jvm_threads_live_threads 40\n",
		})
	}
	return append(out, Target{Labels: map[string]string{"job": "kubelet", "instance": pods[0] + "-node:10250"}, Series: kubelet.String()})
}

// Mixed returns proofs of services whose requests are known by other facts than their pods,
// by the family about their requests: by a mesh whose sidecars are in the pods, by an ingress
// that is in none of them, and by a hash, with both arms' pods of one workload. Each has
// the families jvm and kubernetes, too. They are of presets together, so that they are in no file.
func Mixed() map[string]Proof {
	pod := func(service, hash, one string) string { return service + "-" + hash + "-" + one }
	mesh := []string{pod("mix-mesh-primary", "7d9f8c6b5d", "abcde"), pod("mix-mesh-primary", "7d9f8c6b5d", "fghij"), pod("mix-mesh", "6b5c4d7f8c", "klmno")}
	sidecar := func(i int, workload string, a answered) Target {
		return Target{
			Labels: map[string]string{"job": "envoy-stats", "instance": mesh[i] + ":15090", "namespace": "shop", "pod": mesh[i]},
			Series: a.lines("istio_requests_total", "response_code", fmt.Sprintf("reporter=\"destination\",destination_workload_namespace=\"shop\",destination_workload=%q", workload)),
		}
	}
	edge := []string{pod("mix-edge-primary", "7d9f8c6b5d", "abcde"), pod("mix-edge-primary", "7d9f8c6b5d", "fghij"), pod("mix-edge", "6b5c4d7f8c", "klmno")}
	ingress := func(canary string, a answered) Target {
		return Target{
			Labels: map[string]string{"job": "ingress-nginx", "instance": "ingress:10254", "pod": "ingress-nginx-controller-5d4f7c9b6d-ppppp", "part": canary},
			Series: a.lines("nginx_ingress_controller_requests", "status", fmt.Sprintf("namespace=\"shop\",ingress=\"mix-edge\",service=\"mix-edge\",canary=%q", canary)),
		}
	}
	roll := []string{pod("mix-roll", "7d9f8c6b5d", "abcde"), pod("mix-roll", "7d9f8c6b5d", "fghij"), pod("mix-roll", "6b5c4d7f8c", "klmno")}
	hashed := func(i int, a answered) Target {
		return Target{
			Labels: map[string]string{"job": "app", "instance": roll[i] + ":9090", "namespace": "shop", "pod": roll[i], "rollouts_pod_template_hash": strings.Split(roll[i], "-")[2]},
			Series: a.lines("http_requests_total", "code", `app="mix-roll"`),
		}
	}
	stray := []string{pod("mix-mesh-worker", "5d4f7c9b6d", "qqqqq"), pod("mix-edge-worker", "5d4f7c9b6d", "rrrrr")}
	return map[string]Proof{
		"istio": {Service: "mix-mesh", Want: mixedWant(mesh[:2], mesh[2]), Targets: append(resourcesOf(append(mesh, stray[0])...),
			sidecar(0, "mix-mesh-primary", answered{47.5, 1, 1.5}), sidecar(1, "mix-mesh-primary", answered{47.5, 1, 1.5}), sidecar(2, "mix-mesh", answered{33, 5, 2}))},
		"nginx": {Service: "mix-edge", Want: mixedWant(edge[:2], edge[2]), Targets: append(resourcesOf(append(edge, stray[1])...),
			ingress("", answered{95, 2, 3}), ingress("shop-mix-edge-canary-80", answered{33, 5, 2}))},
		"argo-http": {Service: "mix-roll", Want: mixedWant(roll[:2], roll[2]), Targets: append(resourcesOf(roll...),
			hashed(0, answered{47.5, 1, 1.5}), hashed(1, answered{47.5, 1, 1.5}), hashed(2, answered{33, 5, 2}))},
	}
}

package discover

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/presets/presettest"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
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

// requestLines are an arm's requests, as lines of a proof.
func requestLines(metric, code, labels string, ok, client, server float64) string {
	var out strings.Builder
	for status, n := range map[string]float64{"200": ok, "404": client, "503": server} {
		fmt.Fprintf(&out, "counter %s{%s=%q,%s} %v\n", metric, code, status, labels, n)
	}
	return out.String()
}

// resourcesOf are the targets that know pods: the kubelet, and each pod's virtual machine.
func resourcesOf(pods ...string) []presettest.Target {
	var kubelet strings.Builder
	var out []presettest.Target
	for _, pod := range pods {
		fmt.Fprintf(&kubelet, "counter container_cpu_usage_seconds_total{namespace=\"shop\",pod=%q,container=\"app\"} 6\n", pod)
		fmt.Fprintf(&kubelet, "gauge container_memory_working_set_bytes{namespace=\"shop\",pod=%q,container=\"app\"} 3000\n", pod)
		out = append(out, presettest.Target{
			Labels: map[string]string{"job": "pods", "instance": pod + ":8080", "namespace": "shop", "pod": pod},
			Series: "gauge jvm_memory_used_bytes{area=\"heap\"} 2000\ncounter jvm_gc_pause_seconds_sum{} 0.25\ngauge jvm_threads_live_threads 40\n",
		})
	}
	return append(out, presettest.Target{Labels: map[string]string{"job": "kubelet", "instance": pods[0] + "-node:10250"}, Series: kubelet.String()})
}

// mixedServices are services whose requests are known by other facts than their pods: by a
// mesh whose sidecars are in the pods, by an ingress that is in none of them, and by a
// hash, with both arms' pods of one workload.
func mixedServices() map[string]presettest.Proof {
	pod := func(service, hash, one string) string { return service + "-" + hash + "-" + one }
	mesh := []string{pod("mix-mesh-primary", "7d9f8c6b5d", "abcde"), pod("mix-mesh-primary", "7d9f8c6b5d", "fghij"), pod("mix-mesh", "6b5c4d7f8c", "klmno")}
	sidecar := func(i int, workload string, ok, client, server float64) presettest.Target {
		return presettest.Target{
			Labels: map[string]string{"job": "envoy-stats", "instance": mesh[i] + ":15090", "namespace": "shop", "pod": mesh[i]},
			Series: requestLines("istio_requests_total", "response_code", fmt.Sprintf("reporter=\"destination\",destination_workload_namespace=\"shop\",destination_workload=%q", workload), ok, client, server),
		}
	}
	edge := []string{pod("mix-edge-primary", "7d9f8c6b5d", "abcde"), pod("mix-edge-primary", "7d9f8c6b5d", "fghij"), pod("mix-edge", "6b5c4d7f8c", "klmno")}
	ingress := func(canary string, ok, client, server float64) presettest.Target {
		return presettest.Target{
			Labels: map[string]string{"job": "ingress-nginx", "instance": "ingress:10254", "pod": "ingress-nginx-controller-5d4f7c9b6d-ppppp", "part": canary},
			Series: requestLines("nginx_ingress_controller_requests", "status", fmt.Sprintf("namespace=\"shop\",ingress=\"mix-edge\",service=\"mix-edge\",canary=%q", canary), ok, client, server),
		}
	}
	roll := []string{pod("mix-roll", "7d9f8c6b5d", "abcde"), pod("mix-roll", "7d9f8c6b5d", "fghij"), pod("mix-roll", "6b5c4d7f8c", "klmno")}
	hashed := func(i int, ok, client, server float64) presettest.Target {
		return presettest.Target{
			Labels: map[string]string{"job": "app", "instance": roll[i] + ":9090", "namespace": "shop", "pod": roll[i], "rollouts_pod_template_hash": strings.Split(roll[i], "-")[2]},
			Series: requestLines("http_requests_total", "code", `app="mix-roll"`, ok, client, server),
		}
	}
	stray := []string{pod("mix-mesh-worker", "5d4f7c9b6d", "qqqqq"), pod("mix-edge-worker", "5d4f7c9b6d", "rrrrr")}
	return map[string]presettest.Proof{
		"istio": {Service: "mix-mesh", Want: mixedWant(mesh[:2], mesh[2]), Targets: append(resourcesOf(append(mesh, stray[0])...),
			sidecar(0, "mix-mesh-primary", 47.5, 1, 1.5), sidecar(1, "mix-mesh-primary", 47.5, 1, 1.5), sidecar(2, "mix-mesh", 33, 5, 2))},
		"nginx": {Service: "mix-edge", Want: mixedWant(edge[:2], edge[2]), Targets: append(resourcesOf(append(edge, stray[1])...),
			ingress("", 95, 2, 3), ingress("shop-mix-edge-canary-80", 33, 5, 2))},
		"argo-http": {Service: "mix-roll", Want: mixedWant(roll[:2], roll[2]), Targets: append(resourcesOf(roll...),
			hashed(0, 47.5, 1, 1.5), hashed(1, 47.5, 1, 1.5), hashed(2, 33, 5, 2))},
	}
}

// TestRequestsAndResourcesByTheirOwnFacts proposes plans whose requests are known by
// workloads, an ingress or a hash, and whose containers and runtimes are known by pods: each
// family is found with its own facts, and counts both arms by them.
func TestRequestsAndResourcesByTheirOwnFacts(t *testing.T) {
	t.Parallel()
	services := mixedServices()
	var all []presettest.Proof
	for _, p := range services {
		all = append(all, p)
	}
	end := promtest.Epoch().Add(20 * time.Minute)
	src := open(t, promtest.Start(t, promtest.Config{History: presettest.History(t, all, presettest.Span{
		Start: promtest.Epoch(), End: end, Step: 15 * time.Second, Block: time.Minute,
	})}))
	for preset, proof := range services {
		t.Run(preset, func(t *testing.T) {
			found, err := Find(t.Context(), src, Options{Service: proof.Service, Namespace: "shop", At: end})
			if err != nil {
				t.Fatal(err)
			}
			p, err := plan.Parse("proposed.yaml", []byte(found.YAML()))
			if err != nil {
				t.Fatalf("%v\n%s", err, found.YAML())
			}
			if !strings.Contains(found.YAML(), "preset: ["+preset+", jvm, kubernetes]\n") || found.Pods == "" {
				t.Fatalf("pods are from %q; want %s with jvm and kubernetes:\n%s", found.Pods, preset, found.YAML())
			}
			proof.Family = preset
			proveMixed(t, src, p, proof, end)
			if t.Failed() {
				t.Log(found.YAML())
			}
		})
	}
}

// proveMixed compares what a proposed plan's metrics count with what they must.
func proveMixed(t *testing.T, src *prometheus.Source, p plan.Plan, proof presettest.Proof, end time.Time) {
	t.Helper()
	asked := map[string]bool{}
	for _, m := range p.Metrics {
		asked[m.Name] = true
		for i, arm := range []plan.Arm{p.Arms.Baseline, p.Arms.Canary} {
			r, err := m.Scoped(arm)
			if err != nil {
				t.Errorf("%s: %v", m.Name, err)
				continue
			}
			f, err := src.Blocks(t.Context(), r, queries.Window{Start: end.Add(-2 * time.Minute), End: end.Add(-time.Minute), Block: time.Minute})
			if err != nil {
				t.Errorf("%s: %v", m.Name, err)
				continue
			}
			if got, want := presettest.Count(r.Kind, f), proof.Want[m.Name]; len(want) < 2 || got != want[i] {
				t.Errorf("%s of arm %d: got %q, want %q; asked %s", m.Name, i, got, want, r.Query.Expr)
			}
		}
	}
	for name := range proof.Want {
		if !asked[name] {
			t.Errorf("the plan does not ask for %s", name)
		}
	}
}

// TestOnlyTheNamedPresetsAreLookedFor holds what --preset does.
func TestOnlyTheNamedPresetsAreLookedFor(t *testing.T) {
	t.Parallel()
	proof := mixedServices()["istio"]
	end := promtest.Epoch().Add(20 * time.Minute)
	src := open(t, promtest.Start(t, promtest.Config{History: presettest.History(t, []presettest.Proof{proof}, presettest.Span{
		Start: promtest.Epoch(), End: end, Step: 15 * time.Second, Block: time.Minute,
	})}))
	find := func(names ...string) (Found, error) {
		return Find(t.Context(), src, Options{Service: proof.Service, At: end, Presets: names})
	}
	found, err := find("istio", "jvm")
	if err != nil || found.Preset != "istio" || len(found.Beside) != 1 || found.Beside[0].Preset != "jvm" {
		t.Errorf("got %+v, %v, want istio and jvm alone", found, err)
	}
	if found, err = find("linkerd"); err != nil || found.Preset != "" || !strings.Contains(strings.Join(found.Missing, " "), "looked for response_total with") {
		t.Errorf("got %q, missing %q, %v, want none, with linkerd's metric alone", found.Preset, found.Missing, err)
	}
	for name, want := range map[string]string{"jvm": "name one about requests beside it", "istoi": `"istoi"`} {
		if _, err := find(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

// TestPatternsOfPods holds which patterns tell two arms' pods apart.
func TestPatternsOfPods(t *testing.T) {
	for _, c := range []struct {
		name             string
		baseline, canary []string
		one, other       string
		ok               bool
	}{
		{"two workloads", []string{"a-primary-7d9f8c6b5d-abcde"}, []string{"a-7d9f8c6b5d-klmno"},
			`a-primary-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)`, `a-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)`, true},
		{"one workload, two ReplicaSets", []string{"a-7d9f8c6b5d-abcde", "a-7d9f8c6b5d-fghij"}, []string{"a-6b5c4d7f8c-klmno"},
			`a-7d9f8c6b5d-[0-9a-z]+`, `a-6b5c4d7f8c-[0-9a-z]+`, true},
		{"one gateway for both", []string{"gateway-7d9f8c6b5d-abcde"}, []string{"gateway-7d9f8c6b5d-abcde"}, "", "", false},
		{"a StatefulSet's pods", []string{"a-0", "a-1"}, []string{"a-2"}, "", "", false},
		{"none", nil, []string{"a-2"}, "", "", false},
	} {
		one, other, ok := patterns(crew{pods: c.baseline}, crew{pods: c.canary}, true)
		if one != c.one || other != c.other || ok != c.ok {
			t.Errorf("%s: got %q, %q, %v, want %q, %q, %v", c.name, one, other, ok, c.one, c.other, c.ok)
		}
	}
}

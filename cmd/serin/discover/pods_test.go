package discover

import (
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/presets/presettest"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// TestRequestsAndResourcesByTheirOwnFacts proposes plans whose requests are known by
// workloads, an ingress or a hash, and whose containers and runtimes are known by pods: each
// family is found with its own facts, and counts both arms by them.
func TestRequestsAndResourcesByTheirOwnFacts(t *testing.T) {
	t.Parallel()
	services := presettest.Mixed()
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
	proof := presettest.Mixed()["istio"]
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

//go:build linux

package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// TestWhoMayKnock reads who the network policy lets in: whom the values name, and the pod of
// helm test, by labels that it has.
func TestWhoMayKnock(t *testing.T) {
	type over = map[string]any
	named := func(name string) over {
		return over{"namespaceSelector": over{"matchLabels": over{"kubernetes.io/metadata.name": name}}}
	}
	all := over{"networkPolicy": over{
		"from": []any{named("flagger-system")}, "fromMonitoring": []any{named("monitoring")}, "fromIngress": []any{named("nginx")},
	}}
	for _, c := range []struct {
		name string
		over []over
		want []string // none: everybody
	}{
		{"nobody is named", nil, nil},
		{"only where callers are named", []over{{"networkPolicy": over{"fromMonitoring": []any{named("monitoring")}}}}, nil},
		{"everybody who is named", []over{all}, []string{"flagger-system", "monitoring", "nginx", "the test"}},
		{"no test", []over{all, {"tests": over{"enabled": false}}}, []string{"flagger-system", "monitoring", "nginx"}},
		{"TLS, and so no test", []over{all, {"tls": over{"existingSecret": "a"}}}, []string{"flagger-system", "monitoring", "nginx"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := mustRender(t, values(t, "small", c.over...))
			checkManifests(t, manifests(out))
			if got := peersOf(t, out); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// peersOf names the peers of the rendered policy.
func peersOf(t *testing.T, out map[string]string) []string {
	t.Helper()
	type selector struct{ MatchLabels map[string]string }
	var policy struct {
		Spec struct {
			Ingress []struct {
				From []struct{ NamespaceSelector, PodSelector *selector }
			}
		}
	}
	if err := yaml.Unmarshal([]byte(out["network.yaml"]), &policy); err != nil || len(policy.Spec.Ingress) != 1 {
		t.Fatalf("got %+v, %v, want one rule", policy, err)
	}
	var test map[string]string
	for _, o := range objects(t, manifests(out)) {
		if o.Kind == "Pod" {
			test = o.Metadata.Labels
		}
	}
	var names []string
	for _, p := range policy.Spec.Ingress[0].From {
		switch {
		case p.NamespaceSelector != nil:
			names = append(names, p.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"])
		case len(p.PodSelector.MatchLabels) > 0 && contains(test, p.PodSelector.MatchLabels):
			names = append(names, "the test")
		default:
			names = append(names, "a stranger")
		}
	}
	return names
}

// contains tells whether every label is there.
func contains(labels, wanted map[string]string) bool {
	for name, value := range maps.All(wanted) {
		if got, ok := labels[name]; !ok || got != value {
			return false
		}
	}
	return true
}

// TestTheNotesHaveAllHooks holds the hooks that the notes print against those of the example.
func TestTheNotesHaveAllHooks(t *testing.T) {
	type hook struct{ Name, Type, URL string }
	text, err := os.ReadFile("../../examples/flagger/canary.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var canary struct {
		Spec struct {
			Analysis struct {
				Threshold int
				Webhooks  []hook
			}
		}
	}
	if err := yaml.Unmarshal(text, &canary); err != nil {
		t.Fatal(err)
	}
	want := canary.Spec.Analysis
	for i := range want.Webhooks {
		want.Webhooks[i].URL = strings.Replace(want.Webhooks[i].URL, "http://serin.serin/", "http://serin.delivery:80/", 1)
	}
	_, notes, _ := strings.Cut(mustRender(t, values(t, "small"))["NOTES.txt"], "threshold ticks.\n\n")
	notes, _, _ = strings.Cut(notes, "\n\n")
	got := want
	got.Threshold, got.Webhooks = 0, nil
	if err := yaml.Unmarshal([]byte(notes), &got); err != nil {
		t.Fatalf("%v in\n%s", err, notes)
	}
	if d := cmp.Diff(want, got); d != "" || len(got.Webhooks) == 0 {
		t.Errorf("the notes have other hooks than examples/flagger/canary.yaml (-example +notes)\n%s", d)
	}
}

// TestMemoryStaysBelowItsLimit holds what Go is told against the container's limit.
func TestMemoryStaysBelowItsLimit(t *testing.T) {
	type over = map[string]any
	for _, c := range []struct {
		limit any
		want  string
	}{
		{"1536Mi", "1382MiB"},
		{"2Gi", "1843MiB"},
		{"1.5Gi", "1382MiB"},
		{"1G", "858MiB"},
		{"524288Ki", "460MiB"},
		{float64(1 << 30), "921MiB"}, // as YAML's numbers are read
		{"1073741824", "921MiB"},
		{"1Ei", ""}, // no unit that the chart knows
		{"500m", ""},
		{nil, ""},
	} {
		t.Run(fmt.Sprint(c.limit), func(t *testing.T) {
			limits := over{"memory": c.limit}
			if c.limit == nil {
				limits = over{"memory": nil, "cpu": 1}
			}
			all := objects(t, manifests(mustRender(t, values(t, "small", over{"resources": over{"limits": limits}}))))
			got := ""
			for _, e := range workload(t, all).Containers[0].Env {
				got += e.Value
			}
			if got != c.want {
				t.Errorf("got GOMEMLIMIT %q, want %q", got, c.want)
			}
		})
	}
	t.Run("one's own wins", func(t *testing.T) {
		text := manifests(mustRender(t, values(t, "everything")))
		if n := strings.Count(text, "GOMEMLIMIT"); n != 1 || !strings.Contains(text, "900MiB") {
			t.Errorf("got GOMEMLIMIT %d times, want that of extraEnv alone", n)
		}
	})
}

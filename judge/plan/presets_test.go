package plan

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/presets"
)

// TestEveryFamilyLoads ensures that each family makes a plan of its own or beside
// one that counts requests, and that its selector can be filled with facts.
func TestEveryFamilyLoads(t *testing.T) {
	arm := canary()
	arm.Labels = map[string]string{
		"service": "s", "upstream": "u", "ingress": "i", "canary": "c", "namespace": "n", "backend": "b",
		"node": "d", "queue": "q", "consumergroup": "g",
	}
	for _, name := range presets.Names() {
		p, err := presets.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		text := "service: a\npreset: " + name + "\n"
		if p.About == presets.Resources {
			text = "service: a\npreset: [http, " + name + "]\n"
		}
		if p.Blend != "" {
			text += "selector: node=~\"{{ .Labels.node }}\"\n"
		}
		loaded := load(t, text)
		sound(t, loaded)
		for _, m := range loaded.Metrics {
			if _, err := m.Scoped(arm); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestPlansOfThePresetsPageLoad ensures that what people copy from there works.
func TestPlansOfThePresetsPageLoad(t *testing.T) {
	text, err := os.ReadFile("../../docs/presets.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?ms)^```yaml\n(.*?)\n```$").FindAllStringSubmatch(string(text), -1)
	if len(found) < 4 {
		t.Fatalf("got %d plans, want four or more", len(found))
	}
	for i, m := range found {
		p, err := Parse(fmt.Sprintf("presets.md, example %d", i+1), []byte(m[1]))
		if err != nil {
			t.Error(err)
			continue
		}
		sound(t, p)
	}
}

// TestBlendIsRefused ensures that a family which counts both arms together is not
// compared unless something tells them apart.
func TestBlendIsRefused(t *testing.T) {
	_, err := Parse("p.yaml", []byte("service: a\npreset: apisix\narms:\n  canary: { labels: { route: a } }\n"))
	if err == nil || !strings.Contains(err.Error(), "p.yaml:2:9: preset: apisix cannot be compared as it is") || !strings.Contains(err.Error(), ".Labels.node") {
		t.Errorf("got %v, want a refusal that says what tells the arms apart", err)
	}
	if p := load(t, "service: a\npreset: apisix\nselector: node=~\"{{ .Labels.node }}\"\n"); len(p.Metrics) == 0 {
		t.Error("got no metrics with a selector, want the family's")
	}
}

// TestAbsentLabelNarrows ensures that one arm may be what a label is absent from, and
// that no other pattern that matches nothing passes for it.
func TestAbsentLabelNarrows(t *testing.T) {
	m := Metric{Name: "errors", Selector: `canary=~"{{ .Labels.canary }}"`}
	got, err := m.Matchers(Arm{Labels: map[string]string{"canary": "^$"}})
	if err != nil || !slices.Equal(got, []queries.Matcher{{Label: "canary", Op: queries.Match, Value: "^$"}}) {
		t.Errorf("got %v, %v, want the absent label", got, err)
	}
	for _, pattern := range []string{"^$|a", "a?", "()", "^.*$"} {
		if _, err := m.Matchers(Arm{Labels: map[string]string{"canary": pattern}}); err == nil {
			t.Errorf("%s: got no error, want that it matches everything", pattern)
		}
	}
}

func TestUnitsAreGuessedFromNames(t *testing.T) {
	for query, want := range map[string]string{
		`histogram_quantile(0.9, sum by (le) (rate(a_seconds_bucket[1m])))`:           "s",
		`1000 * histogram_quantile(0.9, sum by (le) (rate(a_seconds_bucket[1m])))`:    "ms",
		`histogram_quantile(0.9, sum by (le) (rate(response_latency_ms_bucket[1m])))`: "ms",
		`histogram_quantile(0.9, sum by (le) (rate(a_milliseconds_bucket[1m])))`:      "ms",
		`histogram_quantile(0.9, sum by (le) (rate(a_microseconds_bucket[1m])))`:      "us",
		`histogram_quantile(0.9, sum by (le) (rate(a_bucket[1m])))`:                   "",
		`histogram_quantile(0.9, sum by (le) (rate(atoms_bucket[1m])))`:               "",
		`7 * histogram_quantile(0.9, sum by (le) (rate(a_seconds_bucket[1m])))`:       "",
		`histogram_quantile(0.9, sum(rate(native_seconds[1m])))`:                      "s",
	} {
		r, err := queries.Understand(queries.Query{Lang: queries.PromQL, Expr: query})
		if err != nil {
			t.Fatal(err)
		}
		if got := GuessUnit(Metric{Kind: Latency, Reading: r}); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	p := load(t, "service: a\npreset: http\nmetrics: [{ name: latency, unit: ms }]\n")
	if m := metric(t, p, "latency"); m.Unit != "ms" {
		t.Errorf("got unit %q, want the plan's own", m.Unit)
	}
}

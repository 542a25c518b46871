package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/queries"
)

func canary() Arm {
	return Arm{
		Namespace: "shop", Workload: "checkout", PodPattern: "checkout-[0-9a-z]+", Hash: "7d9f", Version: "v2",
		Labels: map[string]string{"track": "canary", "app": "checkout", "k8s-app": "co"},
	}
}

func TestMatchers(t *testing.T) {
	for _, c := range []struct {
		selector string
		want     []queries.Matcher
	}{
		{`namespace="{{ .Namespace }}", pod=~"{{ .PodPattern }}"`, []queries.Matcher{
			{Label: "namespace", Op: queries.Equal, Value: "shop"}, {Label: "pod", Op: queries.Match, Value: "checkout-[0-9a-z]+"},
		}},
		{`reporter="destination",destination_workload="{{.Workload}}"`, []queries.Matcher{
			{Label: "reporter", Op: queries.Equal, Value: "destination"}, {Label: "destination_workload", Op: queries.Equal, Value: "checkout"},
		}},
		{`pod=~"{{ .Workload }}-{{ .Hash }}-.*", pod!~"x.*"`, []queries.Matcher{
			{Label: "pod", Op: queries.Match, Value: "checkout-7d9f-.*"}, {Label: "pod", Op: queries.NotMatch, Value: "x.*"},
		}},
		{`a="{{ .Labels.track }}", b="{{ index .Labels \"k8s-app\" }}"`, []queries.Matcher{
			{Label: "a", Op: queries.Equal, Value: "canary"}, {Label: "b", Op: queries.Equal, Value: "co"},
		}},
		{"", []queries.Matcher{
			{Label: "app", Op: queries.Equal, Value: "checkout"}, {Label: "k8s-app", Op: queries.Equal, Value: "co"}, {Label: "track", Op: queries.Equal, Value: "canary"},
		}},
	} {
		got, err := Metric{Name: "errors", Selector: c.selector}.Matchers(canary())
		if err != nil {
			t.Errorf("%s: %v", c.selector, err)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", c.selector, diff)
		}
		l := Limit{Name: "l", Selector: c.selector, Query: queries.Query{Expr: "up"}}
		if got, err := l.Matchers(canary()); err != nil || !cmp.Equal(got, c.want) {
			t.Errorf("%s of a limit: got %v, %v, want the same", c.selector, got, err)
		}
	}
}

// TestMatchersThatDoNotNarrow ensures that no arm is compared with the whole service.
func TestMatchersThatDoNotNarrow(t *testing.T) {
	bare := Arm{Namespace: "shop"}
	for _, c := range []struct {
		name, selector string
		arm            Arm
		want           string
	}{
		{"missing fact", `namespace="{{ .Namespace }}", pod=~"{{ .PodPattern }}"`, bare, "needs PodPattern for the label pod"},
		{"missing part", `pod=~"{{ .Workload }}-.*"`, bare, "needs Workload"},
		{"missing label", `app="{{ .Labels.app }}"`, bare, "needs Labels.app"},
		{"missing fact that excludes", `a="{{ .Namespace }}", pod!~"{{ .PodPattern }}"`, bare, "needs PodPattern"},
		{"no labels", "", bare, "nothing narrows"},
		{"empty label", "", Arm{Labels: map[string]string{"track": ""}}, "label track is empty"},
		{"everything", `pod=~"{{ .PodPattern }}"`, Arm{PodPattern: ".*"}, "matches everything"},
		{"anything", `pod=~"{{ .PodPattern }}"`, Arm{PodPattern: ".+"}, "matches everything"},
		{"or nothing", `pod=~"{{ .PodPattern }}"`, Arm{PodPattern: "a|"}, "matches everything"},
		{"everything beside a namespace", `namespace="{{ .Namespace }}", pod=~"{{ .PodPattern }}"`, Arm{Namespace: "shop", PodPattern: ".*"}, "matches everything"},
		{"no pattern", `pod=~"{{ .PodPattern }}"`, Arm{PodPattern: "a)|(b"}, "no regular expression"},
		{"no arm", `reporter="destination"`, canary(), "mentions the arm"},
		{"only excludes", `pod!~"{{ .PodPattern }}"`, canary(), "mentions the arm"},
		{"no selector", `pod=~`, canary(), "selector"},
	} {
		got, err := Metric{Name: "errors", Selector: c.selector}.Matchers(c.arm)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `metric "errors"`) {
			t.Errorf("%s: got %v, %v, want an error with %q", c.name, got, err, c.want)
		}
	}
	if _, err := (Limit{Name: "l", Metric: "errors"}).Matchers(canary()); err == nil || !strings.Contains(err.Error(), "no query of its own") {
		t.Errorf("limit on a metric: got %v, want that it has no query", err)
	}
	if _, err := (Limit{Name: "l", Metric: "errors"}).Scoped(canary()); err == nil {
		t.Errorf("limit on a metric: got a reading, want an error")
	}
}

// TestScoped ensures that every metric of every preset reads the same once it is narrowed.
func TestScoped(t *testing.T) {
	for _, preset := range []string{"[http, kubernetes]", "[istio, kubernetes]"} {
		p := load(t, "service: a\npreset: "+preset+"\n")
		for _, m := range p.Metrics {
			r, err := m.Scoped(canary())
			if err != nil {
				t.Errorf("%s: %v", m.Name, err)
				continue
			}
			if r.Kind != m.Reading.Kind || r.Query.Expr == m.Query.Expr {
				t.Errorf("%s: got a %s of %s, want a %s that is narrowed", m.Name, r.Kind, r.Query.Expr, m.Reading.Kind)
			}
		}
		for _, l := range p.Limits {
			if l.Metric != "" {
				continue
			}
			if r, err := l.Scoped(canary()); err != nil || r.Kind != l.Reading.Kind {
				t.Errorf("%s: got a %s, %v, want a %s", l.Name, r.Kind, err, l.Reading.Kind)
			}
		}
	}
}

// TestScopedKeepsTheKind ensures that what a plan reads as a value stays one.
func TestScopedKeepsTheKind(t *testing.T) {
	p := load(t, `
service: a
preset: http
metrics:
  - { name: share, kind: gauge, query: 'sum(rate(a_total[2m])) / sum(rate(b_total[2m]))' }
`)
	m := metric(t, p, "share")
	r, err := m.Scoped(canary())
	if err != nil || r.Kind != queries.Gauge || len(r.Bad) != 0 || r.Range == 0 || r.Why == "" {
		t.Errorf("got %+v, %v, want a gauge with its range and reason", r, err)
	}
	m.Reading.Kind = queries.Histogram
	if r, err := m.Scoped(canary()); err == nil {
		t.Errorf("got a %s for a histogram, want an error", r.Kind)
	}
}

package alerts

import (
	"strings"
	"testing"
	"text/template"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/serin-canary/serin/judge/rollout"
)

// evil is what somebody calls a service who wants something else to be evaluated.
const evil = "x\"} or vector(1) # {{ query `up` }} $value \\ \n'"

// hostile is a subject in which every name that a caller gives is evil.
func hostile(t *testing.T) Subject {
	t.Helper()
	s := subject(t, plans()["business"])
	s.Rollout.Service, s.Rollout.Namespace, s.Rollout.Revision = evil, evil, evil
	for _, arm := range []*rollout.Arm{&s.Rollout.Baseline, &s.Rollout.Canary} {
		arm.Namespace, arm.Workload = evil, evil
	}
	s.Links = Links{Report: "https://serin.example.com/" + evil, Dashboard: evil, Runbook: evil, DashboardUID: evil}
	s.Labels = map[string]string{"team": evil, "managed_by": "somebody", "rollout": "another"}
	for i := range s.Plan.Metrics {
		s.Plan.Metrics[i].Title, s.Plan.Metrics[i].Unit = evil, evil
	}
	return s
}

// shape is an expression with every value of a label left out.
func shape(t *testing.T, text string) string {
	t.Helper()
	e, err := parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			for _, m := range v.LabelMatchers {
				if m.Name != model.MetricNameLabel {
					m.Value = "*"
				}
			}
		}
		return nil
	})
	return e.String()
}

// shown is a text as Prometheus shows it. A template that asks for something fails.
func shown(t *testing.T, text string) string {
	t.Helper()
	same := func(v any) any { return v }
	funcs := template.FuncMap{"humanize": same, "humanizePercentage": same, "humanizeDuration": same, "printf": func(string, ...any) string { return "" }}
	p, err := template.New("").Funcs(funcs).Parse("{{ $labels := .L }}{{ $value := .V }}" + text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	var b strings.Builder
	if err := p.Execute(&b, map[string]any{"L": map[string]string{}, "V": 1.0}); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return b.String()
}

// Whatever names are, the rules ask what they ask of a harmless service, and texts show
// the names as they are.
func TestHostileNames(t *testing.T) {
	harmless, err := Write(subject(t, plans()["business"]))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Write(hostile(t))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := s.Inlined()
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []Set{s, s.Tombstone(), plain} {
		text, err := set.YAML()
		if err == nil {
			err = Check(text)
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(text), "# Written by Serin") != 1 || strings.Count(string(text), "\ngroups:\n") != 1 {
			t.Errorf("a name has become a line of the file:\n%s", text)
		}
	}
	if len(s.Group.Rules) != len(harmless.Group.Rules) {
		t.Fatalf("got %d rules, want %d as of a harmless service", len(s.Group.Rules), len(harmless.Group.Rules))
	}
	for i, r := range s.Group.Rules {
		h := harmless.Group.Rules[i]
		if r.Alert != h.Alert || shape(t, r.Expr) != shape(t, h.Expr) {
			t.Errorf("%s%s: got\n%s\nwant the shape of\n%s", r.Alert, r.Record, r.Expr, h.Expr)
		}
		if r.Alert == "" {
			continue
		}
		if r.Labels["managed_by"] != "serin" || r.Labels["rollout"] != "abcdefghijklmnop" {
			t.Errorf("%s: got labels %v: a configured label is taken for Serin's own", r.Alert, r.Labels)
		}
		if got := shown(t, r.Labels["service"]); got != evil {
			t.Errorf("%s: the service is shown as %q, want %q", r.Alert, got, evil)
		}
		if got := shown(t, r.Labels["team"]); got != evil {
			t.Errorf("%s: a configured label is shown as %q, want %q", r.Alert, got, evil)
		}
		for name, note := range r.Annotations {
			if text := shown(t, note); name == "runbook_url" && text != evil {
				t.Errorf("%s: %s is shown as %q, want %q", r.Alert, name, text, evil)
			}
		}
	}
}

package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// store answers every reading of an arm with one process that has values in that
// many of its blocks, by what the reading's expression contains.
type store map[string]int

func (s store) Blocks(_ context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	f := queries.Frame{Window: w}
	for part, blocks := range s {
		if !strings.Contains(r.Query.Expr, part) {
			continue
		}
		if blocks < 0 {
			return f, &queries.Error{Fault: queries.Rejected, Source: "prometheus", Text: "too many samples"}
		}
		c := queries.Gaps(w.Len())
		for i := range blocks {
			c[i] = 1
		}
		p := queries.Process{Name: "a", N: c}
		if r.Kind == queries.Gauge {
			p = queries.Process{Name: "a", V: c}
		}
		f.Processes = []queries.Process{p}
		f.Notes = []queries.Note{{Code: queries.NoteNeverSeen, Text: "a remark"}}
	}
	return f, nil
}

const probed = `service: checkout
source: prometheus
arms:
  baseline: { labels: { track: stable } }
  canary: { labels: { track: canary } }
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[1m])) / sum(rate(http_requests_total[1m]))
  - name: queue
    query: avg(queue_length)
`

func TestProbeTellsAMissingCanaryFromAWrongQuery(t *testing.T) {
	p, err := plan.Parse("plan.yaml", []byte(probed))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		store store
		want  []string
		shown string
	}{
		{"both arms", store{"stable": 10, "canary": 4}, nil, "errors  canary    4       1          a remark"},
		{"no canary runs", store{"stable": 10}, nil, "Nothing of the canary, which is as it should be while none runs."},
		{"a query without a canary", store{"stable": 10, `queue_length{track="canary"}`: 10},
			[]string{"plan checkout: metric errors has no data of the canary; check its query and the arm's labels"}, "errors  canary    0       0"},
		{"a metric that nobody has", store{"http_requests_total": 10},
			[]string{"plan checkout: metric queue has no data of the baseline; check its query and the arm's labels",
				"plan checkout: metric queue has no data of the canary; check its query and the arm's labels"}, "queue   baseline  0       0"},
		{"a refusal", store{"stable": 10, `http_requests_total{code=~"5..",track="canary"}`: -1},
			[]string{`plan checkout: metric errors of the canary cannot be read: source "prometheus": rejected: too many samples`,
				"plan checkout: metric queue has no data of the canary; check its query and the arm's labels"}, "errors  canary    –"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			got, err := probe(t.Context(), &out, p, c.store)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			if !strings.Contains(out.String(), c.shown) {
				t.Errorf("got\n%s\nwant %q in it", out.String(), c.shown)
			}
		})
	}
}

func TestProbeNeedsArms(t *testing.T) {
	got, err := probe(t.Context(), &bytes.Buffer{}, plan.Plan{Name: "checkout"}, store{})
	if err != nil || len(got) != 1 || !strings.Contains(got[0], "arms.baseline.labels") {
		t.Errorf("got %v, %v, want the plan's lack of arms", got, err)
	}
}

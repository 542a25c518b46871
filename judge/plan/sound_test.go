package plan

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/queries"
)

// sound fails the test where a plan that was accepted is not one that can be judged by.
func sound(t *testing.T, p Plan) {
	t.Helper()
	check := func(ok bool, what string) {
		t.Helper()
		if !ok {
			t.Errorf("accepted plan: %s", what)
		}
	}
	check(p.Name != "" && p.Service != "" && p.Source != "", "no name, service or source")
	check(len(p.Metrics)+len(p.Checks) > 0, "nothing to judge by")
	check(p.Alpha > 0 && p.Alpha <= 0.5 && p.Beta > 0 && p.Beta <= 0.5, "level out of range")
	block := p.Block.D()
	check(block >= time.Second && block <= time.Hour, "block out of range")
	check(p.MaxDuration.D() >= time.Duration(p.MinBlocks)*block && p.MaxDuration >= p.MinDuration, "promotion unreachable")
	check(p.Warmup.For < p.MaxDuration && p.Warmup.AtMost >= p.Warmup.For, "endless warm-up")
	check(p.FinalBlocks <= p.MinBlocks || p.MinBlocks == 0, "final blocks above minBlocks")

	names, weight, required := map[string]bool{}, 0.0, false
	for _, m := range p.Metrics {
		check(m.Name != "" && !names[m.Name], "metric without a name of its own")
		names[m.Name] = true
		weight += m.Weight
		required = required || m.Required
		check(m.Weight >= 0, "negative weight")
		check(m.Kind != "" && m.Worse != "" && m.Query.Expr != "" && m.Reading.Kind != "", "incomplete metric "+m.Name)
		check(wider(m.Margin, m.Tolerance), "margin not above tolerance in "+m.Name)
		check(m.Block == 0 || m.Block.D()%block == 0, "own block no multiple in "+m.Name)
		check((m.Kind != Errors && m.Kind != Proportion) || m.Reading.Kind == queries.Ratio, "share without a ratio in "+m.Name)
		check(m.Kind != Latency || m.Reading.Kind == queries.Histogram, "latency without a histogram in "+m.Name)
		check(m.Kind != Rate || m.Reading.Kind == queries.Counter && m.Weight == 0, "rate without a counter, or with weight, in "+m.Name)
		check(!m.Critical || m.Weight > 0, "critical without weight in "+m.Name)
	}
	check(len(p.Metrics) == 0 || weight > 0 && required, "nothing can roll back or promote")
	for _, l := range p.Limits {
		check((l.Above == nil) != (l.Below == nil), "limit without one bound: "+l.Name)
		check((l.Metric == "") != (l.Query.Expr == ""), "limit of neither or both: "+l.Name)
		check(l.Metric == "" || names[l.Metric], "limit on no metric: "+l.Name)
		check(l.Blocks > 0, "limit in no block: "+l.Name)
	}
	for _, c := range p.Checks {
		check(c.Name != "" && c.Kind() != "", "check without name or kind")
	}
	pinned(t, p)
}

// pinned fails the test where a plan does not survive being written down as JSON.
func pinned(t *testing.T, p Plan) {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatalf("cannot be pinned: %v", err)
	}
	var back Plan
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatalf("cannot be read back: %v", err)
	}
	if diff := cmp.Diff(p, back); diff != "" {
		t.Errorf("differs once pinned (-plan +back):\n%s", diff)
	}
	if p.Digest() == "" || p.Digest() != back.Digest() {
		t.Errorf("got digest %q once pinned, want %q", back.Digest(), p.Digest())
	}
}

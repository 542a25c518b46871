package calibrate

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// pods is a source of eight pods that count the same whatever they are asked, but for the
// part that is counted.
type pods struct {
	requests float64 // a block of a pod
	part     func(r queries.Reading) float64
	asked    int
}

func (s *pods) Blocks(_ context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	s.asked++
	f := queries.Frame{Window: w}
	for i := range 8 {
		p := queries.Process{Name: fmt.Sprintf("pod-%d", i)}
		for at := w.Start; at.Before(w.End); at = at.Add(w.Block) {
			luck := rand.New(rand.NewPCG(uint64(at.Unix()), uint64(i)))
			p.N, p.X = append(p.N, s.requests), append(p.X, binomial(luck, s.requests, s.part(r)))
		}
		f.Processes = append(f.Processes, p)
	}
	return f, nil
}

// always is the same part whatever is asked.
func always(part float64) func(queries.Reading) float64 {
	return func(queries.Reading) float64 { return part }
}

func begun() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) }

// shortPlan is a plan of these metrics, and what it asks.
func shortPlan(t testing.TB, metrics string) (plan.Plan, rollout.Arm, []Question) {
	t.Helper()
	p, err := plan.Parse("p.yaml", []byte("service: s\nsource: m\narms: { baseline: { labels: { track: stable } } }\nmaxDuration: 60m\nmetrics:\n"+metrics))
	if err != nil {
		t.Fatal(err)
	}
	arm := rollout.Arm(p.Arms.Baseline)
	qs, err := Questions(p, arm)
	if err != nil {
		t.Fatal(err)
	}
	return p, arm, qs
}

// readHistory is a source's past of some hours.
func readHistory(t testing.TB, f *File, qs []Question, src queries.Source) *History {
	t.Helper()
	if err := Fetch(t.Context(), f, qs, Fetching{Source: src}); err != nil {
		t.Fatal(err)
	}
	h, err := f.History(qs)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const (
	errorRatio   = "  - name: errors\n    query: sum(rate(bad_total[1m])) / sum(rate(all_total[1m]))\n"
	successRatio = "  - name: success\n    query: sum(rate(ok_total[1m])) / sum(rate(all_total[1m]))\n    kind: proportion\n    worse: lower\n    required: true\n"
	throttled    = "  - name: throttled\n    query: sum(rate(throttled_total[1m])) / sum(rate(periods_total[1m]))\n    kind: proportion\n    worse: higher\n    weight: 0\n    required: false\n"
	durations    = "  - name: latency\n    query: histogram_quantile(0.9, sum by (le) (rate(seconds_bucket[1m])))\n    unit: s\n"
)

// TestErrorsHarmWhatCountsRequests puts more errors into plans that count what went wrong,
// what went well, and something else beside it.
func TestErrorsHarmWhatCountsRequests(t *testing.T) {
	for name, c := range map[string]struct {
		metrics string
		part    func(queries.Reading) float64
		harmed  string
	}{
		"what went wrong": {errorRatio, always(.01), "errors"},
		"what went well":  {successRatio, always(.9), "success"},
		"something else": {errorRatio + throttled + "limits:\n  - { name: throttling, metric: throttled, above: 25% }\n",
			always(.01), "errors"},
	} {
		t.Run(name, func(t *testing.T) {
			p, arm, qs := shortPlan(t, c.metrics)
			f := MemoryFile(Span{begun(), begun().Add(6 * time.Hour)}, nil)
			h := readHistory(t, f, qs, &pods{requests: 600, part: c.part})
			r, err := Study(t.Context(), f, h, Config{Plan: p, Baseline: arm, Draws: 4, Paths: -1, Harm: &Harm{Errors: .3, Seed: 1}})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(r.HarmedMetrics, " "); got != c.harmed {
				t.Errorf("harmed %q, want %q", got, c.harmed)
			}
			for _, d := range r.Draws {
				if d.Harm == 0 || d.By != ByEvidence || !slices.Equal(d.Blamed, []string{c.harmed}) {
					t.Errorf("draw %d: got harm after %d blocks by %q of %v, want it found by evidence of %s", d.Index, d.Harm, d.By, d.Blamed, c.harmed)
				}
			}
		})
	}
}

// TestARequestTurnsBadEverywhere puts more errors into a count of bad requests and into
// the count of the good ones: they stay each other's complement.
func TestARequestTurnsBadEverywhere(t *testing.T) {
	w := queries.Window{Start: begun(), End: begun().Add(50 * time.Minute), Block: time.Minute}
	bad := queries.Process{Name: "a", N: make(queries.Column, 50), X: make(queries.Column, 50)}
	good := queries.Process{Name: "a", N: bad.N, X: make(queries.Column, 50)}
	for t := range 50 {
		bad.N[t], bad.X[t], good.X[t] = 500, 10, 490
	}
	h := &Harm{Errors: .1, Seed: 3}
	b := h.apply(queries.Frame{Window: w, Processes: []queries.Process{bad}}, moreBad, 2).Processes[0].X
	g := h.apply(queries.Frame{Window: w, Processes: []queries.Process{good}}, lessGood, 2).Processes[0].X
	for t2 := range 50 {
		if b[t2]+g[t2] != 500 || b[t2] < 10 {
			t.Fatalf("block %d: got %v bad and %v good of 500", t2, b[t2], g[t2])
		}
	}
}

// TestAHarmThatTouchesNothingIsRefused compares plans without a metric of that kind; one
// plan that has it is enough, and the report says which metrics were harmed.
func TestAHarmThatTouchesNothingIsRefused(t *testing.T) {
	errs, arm, qs := shortPlan(t, errorRatio)
	slow, _, _ := shortPlan(t, durations+throttled)
	errs.Name, slow.Name = "errs", "slow"
	f := MemoryFile(Span{begun(), begun().Add(6 * time.Hour)}, nil)
	h := readHistory(t, f, qs, &pods{requests: 600, part: always(.01)})
	for want, c := range map[string]struct {
		plans [2]plan.Plan
		harm  Harm
	}{
		"more errors cannot be put in":       {[2]plan.Plan{slow, slow}, Harm{Errors: .1}},
		"a longer latency cannot be put in":  {[2]plan.Plan{errs, errs}, Harm{Latency: 2}},
		"longer latency cannot be put in: n": {[2]plan.Plan{errs, errs}, Harm{Errors: .1, Latency: 2}},
	} {
		if _, err := Compare(t.Context(), f, h, c.plans, Config{Baseline: arm, Harm: &c.harm}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
	if err := (&Harm{Errors: .1}).without(slow, errs); err != nil {
		t.Errorf("got error %v of a harm that one plan can find", err)
	}
	c, err := Compare(t.Context(), f, h, [2]plan.Plan{errs, errs}, Config{Baseline: arm, Draws: 2, Harm: &Harm{Errors: .1}})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteComparison(&b, "text", c); err != nil || !strings.Contains(strings.Join(strings.Fields(b.String()), " "), "into these metrics of the canary: errors") {
		t.Errorf("the report does not name the metrics (%v):\n%s", err, &b)
	}
}

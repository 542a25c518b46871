package judge

import (
	compare "cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// looked is a rollout with its last verdict.
func looked(in Input) (Record, Verdict) {
	v := Evaluate(in)
	rec := in.Record
	rec.Latch, rec.Looks = v.Latched, 1
	if v.Promotion.Yes {
		rec.PromotedAt = in.At
	}
	return rec, v
}

// What is judged as a placebo are the baseline's pods alone: whatever the canary does,
// the same comes out, and it is the evidence that the engine has of those pods.
func TestPlacebo(t *testing.T) {
	w := newWorld(41)
	fine := CheckSelf(looked(w.input(25)))
	w.errors, w.slow = canaryOnly(0.5, 0.002), canaryOnly(9, 1)
	in := w.input(25)
	rec, v := looked(in)
	bad := CheckSelf(rec, v)
	if v.Outcome != Rollback || bad.Healthy != nil || bad.Placebo == nil {
		t.Fatalf("got %s and %+v, want a rollback with a placebo", v.Outcome, bad)
	}
	if diff := cmp.Diff(fine.Placebo, bad.Placebo); diff != "" {
		t.Errorf("the canary changes the placebo (-healthy +failing):\n%s", diff)
	}
	if p := bad.Placebo; p.Pods != 3 || p.Others != 14 || p.Blocks < 15 || len(p.Metrics) != 2 || p.Combined >= p.Threshold {
		t.Errorf("got %+v, want three pods of seventeen, both metrics and no alarm", p)
	}
	if again := CheckSelf(rec, v); !cmp.Equal(bad, again) {
		t.Error("the same rollout says something else the second time")
	}
	chosen := map[string]bool{}
	for _, in.Record.Rollout.ID = range []string{"abcdefghijklmnop", "ponmlkjihgfedcba", "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"} {
		pretend, _, _ := placebo(in)
		chosen[pretend.Record.Frozen.Metrics["errors"].Canary.Processes[0].Name] = true
	}
	if len(chosen) < 2 {
		t.Errorf("got %v, want other rollouts to judge other pods", chosen)
	}
}

// worsen lets pods of the baseline fail from a block on.
func worsen(f *queries.Frame, pods map[string]bool, from int) {
	for i := range f.Processes {
		if p := &f.Processes[i]; pods[p.Name] {
			p.X = slices.Clone(p.X)
			for t := from; t < len(p.X); t++ {
				p.X[t] = math.Round(p.N[t] / 4)
			}
		}
	}
}

// An alarm about the placebo is counted as one: the check can fail.
func TestPlaceboThatFails(t *testing.T) {
	in := newWorld(42).input(25)
	pretend, _, _ := placebo(in)
	chosen := map[string]bool{}
	for _, p := range pretend.Record.Frozen.Metrics["errors"].Canary.Processes {
		chosen[p.Name] = true
	}
	for _, name := range []string{"errors", "latency"} {
		f := pretend.Record.Frozen.Metrics[name]
		if len(f.Canary.Processes) != 3 || len(f.Baseline.Processes) != 14 || !chosen[f.Canary.Processes[0].Name] {
			t.Fatalf("%s: got %d and %d pods, want the same three of both metrics", name, len(f.Canary.Processes), len(f.Baseline.Processes))
		}
	}
	f := in.Record.Frozen.Metrics["errors"]
	worsen(&f.Baseline, chosen, 10)
	in.Record.Frozen.Metrics["errors"] = f
	s := CheckSelf(looked(in))
	if s.Placebo == nil || s.Placebo.Combined < s.Placebo.Threshold || s.Placebo.Metrics[0].Worse < s.Placebo.Threshold {
		t.Fatalf("got %+v, want an alarm", s.Placebo)
	}
	rates := SelfRates([]SelfCheck{s})
	if rates[0].Alarms != 1 || rates[0].Rollouts != 1 || rates[0].Allowed != 0.05 || math.Abs(rates[0].Chance-0.05) > 1e-12 {
		t.Errorf("got %+v, want one alarm of one", rates[0])
	}
}

// A promoted canary's own highest evidence is what the trace shows.
func TestPeaksOfAPromotedCanary(t *testing.T) {
	in := newWorld(43).input(40)
	rec, v := looked(in)
	if v.Outcome != Promote {
		t.Fatalf("got %s: %s", v.Outcome, v.Reason)
	}
	s, tr := CheckSelf(rec, v), TraceOf(in)
	if s.Healthy == nil || s.Reversed {
		t.Fatalf("got %+v, want it taken as healthy", s)
	}
	top := func(points []TracePoint) float64 {
		return slices.MaxFunc(points, func(a, b TracePoint) int { return compare.Compare(a.Worse, b.Worse) }).Worse
	}
	if got, want := s.Healthy.Combined, max(top(tr.Points), 0); got != want || s.Healthy.Threshold != v.Threshold {
		t.Errorf("combined: got %v, want %v, the highest of the trace", got, want)
	}
	for i, m := range s.Healthy.Metrics {
		if want := max(top(tr.Metrics[i].Points), 0); m.Worse != want || m.Metric != tr.Metrics[i].Name {
			t.Errorf("%+v: want %v of %s", m, want, tr.Metrics[i].Name)
		}
	}

	// A person's promotion against a rollback says that it was a false one.
	rec.Latch = &Latch{Reason: "evidence", Proven: true}
	if s := CheckSelf(rec, v); s.Healthy != nil {
		t.Error("what was rolled back is taken as healthy")
	}
	rec.Overrides = []Override{{Action: OverridePromote, DespiteHarm: true}}
	if s := CheckSelf(rec, v); s.Healthy == nil || !s.Reversed {
		t.Errorf("got %+v, want a reversed rollback", s)
	}
	// In shadow mode every promotion is granted, which says nothing.
	rec, v = looked(newWorld(44).input(12))
	rec.Plan.Mode, rec.PromotedAt = plan.Shadow, v.At
	if s := CheckSelf(rec, v); v.Outcome != Continue || s.Healthy != nil {
		t.Errorf("got %s, and taken as healthy %v", v.Outcome, s.Healthy != nil)
	}
}

func TestWithoutAPlacebo(t *testing.T) {
	past, alone, short, none := newWorld(45).input(25), newWorld(45), newWorld(45).input(8), newWorld(45).input(25)
	past.Record.Rollout.Comparison = rollout.BeforeAfter
	alone.pods = [2]int{1, 1}
	none.Record.Frozen = Frozen{}
	for name, c := range map[string]struct {
		in  Input
		why string
	}{
		"before-after":   {past, "the arms did not share time, for which nothing is promised"},
		"one pod":        {alone.input(25), "the baseline has no two pods that can be told apart"},
		"too short":      {short, "5 blocks of the placebo could be compared, and the plan asks for 10"},
		"nothing frozen": {none, "the baseline has no two pods that can be told apart"},
	} {
		if s := CheckSelf(looked(c.in)); s.Placebo != nil || s.Why != c.why {
			t.Errorf("%s: got %+v, want none, because %q", name, s, c.why)
		}
	}
}

// Over many healthy rollouts no more placebos alarm than are allowed.
func TestPlacebosHoldTheLevel(t *testing.T) {
	var all []SelfCheck
	for seed := range uint64(60) {
		w := newWorld(1000 + seed)
		w.rps, w.pods, w.pre = [2]float64{2, 8}, [2]int{1, 5}, 30
		s := CheckSelf(looked(w.input(25)))
		s.Rollout = fmt.Sprint(seed)
		all = append(all, s)
	}
	r := SelfRates(all)[0]
	if r.Rollouts != 60 || math.Abs(r.Allowed-3) > 1e-9 || r.Chance < 0.01 {
		t.Errorf("got %+v, want 60 placebos and no more alarms than α explains", r)
	}
}

func TestSelfRates(t *testing.T) {
	peaks := func(combined, errors float64) *Peaks {
		return &Peaks{Threshold: 1.3, Combined: combined, Metrics: []Peak{{"errors", errors}, {"cpu", 0}}}
	}
	got := SelfRates([]SelfCheck{
		{Alpha: 0.05, Placebo: peaks(1.3, 1.6), Healthy: peaks(0.2, 1.4)},
		{Alpha: 0.01, Placebo: peaks(1.29, 0)},
		{Alpha: 0.05, Why: "none"},
	})
	want := []SelfRate{
		{OfPlacebos, "", 2, 1, 0.06, 1 - 0.95*0.99}, {OfPlacebos, "cpu", 2, 0, 0.06, 1}, {OfPlacebos, "errors", 2, 1, 0.06, 1 - 0.95*0.99},
		{OfHealthy, "", 1, 0, 0.05, 1}, {OfHealthy, "cpu", 1, 0, 0.05, 1}, {OfHealthy, "errors", 1, 1, 0.05, 0.05},
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-12 })
	if diff := cmp.Diff(want, got, near); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := SelfRates(nil); len(got) != 2 || got[0].Rollouts != 0 || got[0].Chance != 1 {
		t.Errorf("got %+v of nothing, want zeros", got)
	}
}

// The chance is the binomial tail where all probabilities are alike (gonum), and what
// counting every case gives where they are not.
func TestAtLeast(t *testing.T) {
	for _, c := range []struct {
		n, k int
		p    float64
	}{{10, 1, 0.05}, {200, 20, 0.05}, {500, 34, 0.05}, {5, 6, 0.3}, {1, 1, 1}} {
		ps := slices.Repeat([]float64{c.p}, c.n)
		want := distuv.Binomial{N: float64(c.n), P: c.p}.Survival(float64(c.k - 1))
		if c.p == 1 {
			want = 1
		}
		if got := atLeast(ps, c.k); math.Abs(got-want) > 1e-9*max(want, 1e-6) {
			t.Errorf("at least %d of %d at %v: got %v, want %v", c.k, c.n, c.p, got, want)
		}
	}
	ps := []float64{0.5, 0.1, 0.01, 0.3, 0.05}
	for k := range len(ps) + 2 {
		want := 0.0
		for happened := range 1 << len(ps) {
			p, n := 1.0, 0
			for i, q := range ps {
				if happened>>i&1 == 1 {
					p, n = p*q, n+1
				} else {
					p *= 1 - q
				}
			}
			if n >= k {
				want += p
			}
		}
		if got := atLeast(ps, k); math.Abs(got-want) > 1e-12 {
			t.Errorf("at least %d: got %v, want %v", k, got, want)
		}
	}
}

package judge

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/stats/sequential"
)

func withPlan(in Input, edit func(*plan.Plan)) Input {
	p := in.Record.Plan
	p.Metrics = append([]plan.Metric(nil), p.Metrics...)
	edit(&p)
	in.Record.Plan = p
	return in
}

func horizonOf(minutes int) func(*plan.Plan) {
	return func(p *plan.Plan) {
		p.Sequential.Mode = plan.Horizon
		p.MaxDuration = plan.Duration(time.Duration(minutes) * time.Minute)
	}
}

// TestHorizonHasTheLowerThreshold ensures that a bounded number of looks rolls back at the
// simulated threshold, no later than any number of looks, and says at which.
func TestHorizonHasTheLowerThreshold(t *testing.T) {
	w := newWorld(41)
	w.errors = canaryOnly(0.006, 0.002)
	any, bounded := Evaluate(w.input(40)), Evaluate(withPlan(w.input(40), horizonOf(60)))
	if got, want := bounded.Threshold, round(math.Log10(sequential.HorizonThreshold(0.05, 60))); got != want {
		t.Errorf("got threshold %v, want %v", got, want)
	}
	if any.Latched == nil || bounded.Latched == nil {
		t.Fatalf("not rolled back: %s / %s", any.Reason, bounded.Reason)
	}
	if bounded.Latched.Block >= any.Latched.Block {
		t.Errorf("with a horizon the rollback is at block %d, without at %d; want earlier", bounded.Latched.Block, any.Latched.Block)
	}
	if bounded.Evidence < bounded.Threshold || bounded.Evidence > any.Threshold {
		t.Errorf("got evidence %v at the latch, want it between the thresholds %v and %v", bounded.Evidence, bounded.Threshold, any.Threshold)
	}
	if !strings.Contains(bounded.Reason, "7.7:1 rolls back") || len(bounded.Latched.Metrics) != 1 || bounded.Latched.Metrics[0] != "errors" {
		t.Errorf("got %v: %s", bounded.Latched.Metrics, bounded.Reason)
	}
	if any.Promise != "" {
		t.Errorf("the default promises %q, want nothing beside what it always does", any.Promise)
	}
	if !strings.Contains(bounded.Promise, "measured and not proven") || !strings.Contains(bounded.Promise, "60 blocks") {
		t.Errorf("got promise %q", bounded.Promise)
	}
}

// TestHorizonIsNotLookedBeyond ensures that harm that begins after the last look rolls
// nothing back, holds promotion, and is spoken of; and that limits still fire.
func TestHorizonIsNotLookedBeyond(t *testing.T) {
	w := newWorld(42)
	w.errors = func(s side, t int) float64 {
		if s == canary && t >= 25 {
			return 0.05
		}
		return 0.002
	}
	in := w.input(45)
	if v := Evaluate(in); v.Outcome != Rollback {
		t.Fatalf("without a horizon: got %v, want rollback: the test needs clear harm", v.Outcome)
	}
	v := Evaluate(withPlan(in, horizonOf(20)))
	if v.Outcome != Inconclusive || v.RollBack.Yes || v.Promotion.Yes || v.Advance.Yes {
		t.Errorf("got %v, roll back %v, promotion %v, advance %v: %s", v.Outcome, v.RollBack.Yes, v.Promotion.Yes, v.Advance.Yes, v.Reason)
	}
	if v.Evidence >= v.Threshold {
		t.Errorf("evidence %v is quoted above the threshold %v without a rollback", v.Evidence, v.Threshold)
	}
	f := finding(v, "horizon")
	if f.Class != Warning || !strings.Contains(f.Reason, "first 20 blocks") || !strings.Contains(f.Reason, "over 1,000,000:1") {
		t.Errorf("got finding %+v", f)
	}
	limit := 0.02
	v = Evaluate(withPlan(in, func(p *plan.Plan) {
		horizonOf(20)(p)
		p.Limits = []plan.Limit{{Name: "errors", Metric: "errors", Above: &limit, Blocks: 2}}
	}))
	if v.Outcome != Rollback || v.Latched == nil || v.Latched.Block < 25 {
		t.Errorf("a limit crossed after the horizon: got %v (%+v), want a rollback", v.Outcome, v.Latched)
	}
}

// TestHorizonAskedLate ensures that a look after the horizon finds the crossing within it.
func TestHorizonAskedLate(t *testing.T) {
	w := newWorld(43)
	w.errors = canaryOnly(0.02, 0.002)
	v := Evaluate(withPlan(w.input(50), horizonOf(20)))
	if v.Outcome != Rollback || v.Latched.Block >= 20 {
		t.Errorf("got %v at %+v, want a rollback within the first 20 blocks", v.Outcome, v.Latched)
	}
}

// TestExactEstimatesNothing ensures that exact evidence is that of the engine without φ̂,
// without an allowance for pods, and without the mean.
func TestExactEstimatesNothing(t *testing.T) {
	w := newWorld(44)
	w.errors = canaryOnly(0.004, 0.002)
	in := withPlan(w.input(20), func(p *plan.Plan) { p.Sequential.Dispersion = plan.Exact })
	rough := &in.Record.Frozen.Metrics["errors"].Prior.Streams[0]
	rough.Phi, rough.Pod, rough.DF = 3, .3, 18
	e := gathered(in)
	tr := e.trials[0]
	c, b := e.tl.pools(tr.frozen, 0)
	blocks := pairCounts(&trial{}, c, b)
	predict(blocks, tr.frozen.Prior, b)
	for t := range blocks {
		blocks[t].A = 1.1
	}
	plain := sequential.Counts{Side: sequential.Worse, D: 0.0005, Restarts: true}.Evidence(nil, blocks, nil)
	for i := range plain {
		if math.Abs(plain[i]-tr.worse[i]) > 1e-9 {
			t.Fatalf("block %d: got %v, want %v: the engine's own", i, tr.worse[i], plain[i])
		}
	}
	v := Evaluate(in)
	if x := finding(v, "errors").Effect; x.Dispersion != 1 || x.PodSpread != 0 {
		t.Errorf("got dispersion %v and pod spread %v as used, want 1 and 0", x.Dispersion, x.PodSpread)
	}
	if !strings.Contains(v.Promise, "proven, however often") || !strings.Contains(v.Promise, "errors and latency: exact, if requests fail independently") {
		t.Errorf("got promise %q", v.Promise)
	}
}

// TestExactOfOneMetric ensures that the promise tells exact metrics from others.
func TestExactOfOneMetric(t *testing.T) {
	rough := newWorld(45).input(15)
	rough.Record.Frozen.Metrics["errors"].Prior.Streams[0].Phi = 2
	in := withPlan(rough, func(p *plan.Plan) { p.Metrics[0].Dispersion = plan.Exact })
	v, before := Evaluate(in), Evaluate(rough)
	if got, want := *finding(v, "latency").Worse, *finding(before, "latency").Worse; got != want {
		t.Errorf("latency has evidence %v, want %v: as before", got, want)
	}
	if *finding(v, "errors").Worse == *finding(before, "errors").Worse {
		t.Error("errors have the same evidence as before")
	}
	for _, part := range []string{"errors: exact", "latency: noise is estimated"} {
		if !strings.Contains(v.Promise, part) {
			t.Errorf("got promise %q, want that it says %q", v.Promise, part)
		}
	}
	past := in
	past.Record.Rollout.Comparison = rollout.BeforeAfter
	if v := Evaluate(past); v.Promise != "" {
		t.Errorf("a comparison with the past promises %q, want nothing", v.Promise)
	}
	if strings.Contains(v.Promise, "proven, however") {
		t.Errorf("got promise %q, which promises for latency too", v.Promise)
	}
}

// TestLuckNeedsMoreThanLuck ensures that one pod whose errors differ no more than pods do
// is not rolled back, where evidence that ignores pods is decisive.
func TestLuckNeedsMoreThanLuck(t *testing.T) {
	w := newWorld(46)
	w.pods, w.rps = [2]int{1, 19}, [2]float64{50, 950}
	w.errors = canaryOnly(0.0028, 0.002)
	spread := func(sigma float64, edit func(*plan.Plan)) Verdict {
		in := withPlan(w.input(50), func(p *plan.Plan) { p.Metrics[0].Tolerance.Absolute = 0; edit(p) })
		f := in.Record.Frozen.Metrics["errors"]
		f.Prior.Streams[0].Pod, f.Prior.Streams[0].DF = sigma, 18
		return Evaluate(in)
	}
	same := func(*plan.Plan) {}
	if v := spread(0, same); v.Outcome != Rollback {
		t.Errorf("pods alike: got %v (%s), want rollback", v.Outcome, v.Reason)
	}
	v := spread(.3, same)
	if v.Latched != nil {
		t.Errorf("pods that differ by 30 %%: rolled back: %s", v.Reason)
	}
	if r := finding(v, "errors").Reason; !strings.Contains(r, "may be the luck of the canary's pods, which differ by 30 %") {
		t.Errorf("the reason does not speak of luck: %s", r)
	}
	if v := spread(.3, func(p *plan.Plan) { p.Guarantee = plan.ThesePods }); v.Outcome != Rollback {
		t.Errorf("these pods only: got %v (%s), want rollback", v.Outcome, v.Reason)
	}
}

// TestMovedListsMoreThanBlame ensures that the list has metrics without weight, and that
// one metric alone makes none.
func TestMovedListsMoreThanBlame(t *testing.T) {
	w := newWorld(47)
	w.errors, w.slow = canaryOnly(0.03, 0.002), canaryOnly(1.5, 1)
	shown := func(p *plan.Plan) { p.Metrics[1].Weight, p.Metrics[1].Required, p.Metrics[0].Weight = 0, false, 1 }
	v := Evaluate(withPlan(w.input(12), shown))
	if v.Latched == nil || len(v.Latched.Metrics) != 1 {
		t.Fatalf("got latch %+v, want errors alone blamed", v.Latched)
	}
	if v.Moved == nil || strings.Join(v.Moved.Metrics, " ") != "errors latency" || v.Moved.Level != 0.05 {
		t.Errorf("got moved %+v, want both metrics at 5 %%", v.Moved)
	}
	if v := Evaluate(newWorld(47).input(12)); v.Moved != nil {
		t.Errorf("healthy: got moved %+v, want none", v.Moved)
	}
	if v := Evaluate(withPlan(w.input(12), func(p *plan.Plan) { p.Metrics = p.Metrics[:1] })); v.Moved != nil {
		t.Errorf("one metric: got moved %+v, want none", v.Moved)
	}
}

// TestExactLatencyWithoutBounds ensures that a histogram whose bounds prove nothing is
// not judged by its mean where evidence must be exact.
func TestExactLatencyWithoutBounds(t *testing.T) {
	in := withPlan(newWorld(48).input(20), func(p *plan.Plan) { p.Sequential.Dispersion = plan.Exact })
	f := in.Record.Frozen.Metrics["latency"]
	for k := range f.Prior.Streams {
		f.Prior.Streams[k].Use = ""
	}
	in.Record.Frozen.Metrics = map[string]FrozenMetric{"errors": in.Record.Frozen.Metrics["errors"], "latency": f}
	v := Evaluate(in)
	if got := finding(v, "latency"); got.Class != CannotJudge || !got.Holds {
		t.Errorf("got %+v, want that it cannot be judged and holds", got)
	}
}

// TestExactPromotes ensures that a healthy canary is promoted by exact evidence, too:
// where bounds are too far apart to prove the margin, the mean may.
func TestExactPromotes(t *testing.T) {
	v := Evaluate(withPlan(newWorld(49).input(40), func(p *plan.Plan) { p.Sequential.Dispersion = plan.Exact }))
	if v.Outcome != Promote {
		t.Errorf("got %v (%s), want promote", v.Outcome, v.Reason)
	}
}

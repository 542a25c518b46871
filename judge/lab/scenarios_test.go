package lab

import (
	"math"
	"slices"
	"testing"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/queries"
)

// worldOf makes one run of a scenario at a level, at 100 requests a second.
func worldOf(t *testing.T, level Level, scenario string, index int) *world {
	t.Helper()
	s := setting(t, scenario)
	s.Level = level
	return newGenerator(s).run(index)
}

// part sums a column of all processes over the blocks [from, to), gaps left out.
func part(f queries.Frame, of func(queries.Process) queries.Column, from, to int) float64 {
	var sum float64
	for _, p := range f.Processes {
		for _, v := range of(p)[from:to] {
			if !queries.IsGap(v) {
				sum += v
			}
		}
	}
	return sum
}

func columnN(p queries.Process) queries.Column { return p.N }
func columnX(p queries.Process) queries.Column { return p.X }

// shareIn is X over N of all processes.
func shareIn(f queries.Frame, from, to int) float64 {
	return part(f, columnX, from, to) / part(f, columnN, from, to)
}

// near fails unless got lies within a tolerance of want.
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: got %v, want %v ± %v", what, got, want, tolerance)
	}
}

// TestClientErrors holds whose client errors rise, and when.
func TestClientErrors(t *testing.T) {
	for _, tt := range []struct {
		scenario         string
		canary, baseline float64 // shares in the storm
	}{
		{"client-errors", .18, .18},
		{"client-storm", .20, .03},
	} {
		w := worldOf(t, Clean, tt.scenario, 0)
		for a, want := range [...]float64{canary: tt.canary, baseline: tt.baseline} {
			f := w.arms[a].frames[ofClients]
			near(t, tt.scenario+", before the storm", shareIn(f, preBlocks, preBlocks+stormStart), .03, .02)
			near(t, tt.scenario+", in the storm", shareIn(f, preBlocks+stormStart, allBlocks), want, .01)
			near(t, tt.scenario+", server errors", shareIn(w.arms[a].frames[ofErrors], preBlocks, allBlocks), .002, .002)
		}
	}
}

// TestClientErrorsNeverRollBack holds that a storm of client errors holds promotion
// and spends nothing of the error budget.
func TestClientErrorsNeverRollBack(t *testing.T) {
	c := measure(t, setting(t, "client-storm"), 8, "serin")["serin"]
	if c.RollbackRate > .1 || c.PromoteRate > .1 {
		t.Errorf("got %v rolled back and %v promoted, want at most 0.1 of each", c.RollbackRate, c.PromoteRate)
	}
}

// TestStickyUsers holds the mean and the dispersion of errors that come in bursts:
// over half an hour their variance is nearly 2·burstLength − 1 times their mean.
func TestStickyUsers(t *testing.T) {
	d := newDrawer(testSeed, 9)
	const mean, span = 2.0, 30
	sum, variance := sample(4000, func() float64 {
		var b bursts
		total := 0.0
		for at := range allBlocks {
			if x := b.next(d, at, mean); at >= preBlocks && at < preBlocks+span {
				total += x
			}
		}
		return total
	})
	near(t, "errors of half an hour", sum, mean*span, .03*mean*span)
	near(t, "their dispersion", variance/sum, 2*burstLength-1, .6)

	w := worldOf(t, Clean, "sticky-canary", 1)
	if got := clumping(w.arms[baseline].frames[ofErrors]); got > 1.6 {
		t.Errorf("sticky-canary: got a dispersion of the baseline of %v, want about 1", got)
	}
	w = worldOf(t, Clean, "sticky-users", 1)
	if got := clumping(w.arms[baseline].frames[ofErrors]); got < 1.8 {
		t.Errorf("sticky-users: got a dispersion of the baseline of %v, want more than 1.8", got)
	}
}

// clumping is the dispersion of errors in stretches of ten blocks.
func clumping(f queries.Frame) float64 {
	var chi, count float64
	for _, p := range f.Processes {
		for from := 0; from+10 <= allBlocks; from += 10 {
			var n, x float64
			for t := from; t < from+10; t++ {
				n, x = n+p.N[t], x+p.X[t]
			}
			chi += (x - n*baseErrors) * (x - n*baseErrors) / (n * baseErrors)
			count++
		}
	}
	return chi / count
}

// TestUnevenLoad holds that the canary pod gets 2.5 times the load of another, that
// its utilisation shows it, and that CPU for each request does so much less.
func TestUnevenLoad(t *testing.T) {
	var n, cpu [2]float64
	for i := range 10 {
		w := worldOf(t, Clean, "load-x2.5", i)
		for a := range n {
			pods := float64(len(w.arms[a].frames[ofErrors].Processes))
			n[a] += part(w.arms[a].frames[ofErrors], columnN, preBlocks, allBlocks) / pods
			cpu[a] += part(w.arms[a].frames[ofCost], columnN, preBlocks, allBlocks) / pods
		}
	}
	near(t, "load of a pod against another", n[canary]/n[baseline], 2.5, .15)
	near(t, "utilisation against another", cpu[canary]/cpu[baseline], math.Pow(2.5, .7), .12)
}

// TestHiddenLatency holds which requests change their bucket where all of them get slower.
func TestHiddenLatency(t *testing.T) {
	const over50, over100 = 3, 4
	share := func(w *world, a, bound int) float64 {
		f := w.arms[a].frames[ofLatency]
		var over, n float64
		for _, p := range f.Processes {
			for b := preBlocks; b < allBlocks; b++ {
				over, n = over+p.Over[b*len(f.Bounds)+bound], n+p.N[b]
			}
		}
		return over / n
	}
	slower := func(w *world) float64 {
		mean := func(a int) float64 {
			f := w.arms[a].frames[ofLatency]
			return part(f, func(p queries.Process) queries.Column { return p.Sum }, preBlocks, allBlocks) / part(f, columnN, preBlocks, allBlocks)
		}
		return mean(canary) / mean(baseline)
	}
	w := worldOf(t, Clean, "tight", 0)
	near(t, "tight, above 50 ms", share(w, canary, over50), 1, 1e-9)
	near(t, "tight, above 100 ms", share(w, canary, over100), 0, 1e-9)
	near(t, "tight, canary slower by", slower(w), 1, .01)
	w = worldOf(t, Clean, "tight-x2", 0)
	near(t, "tight-x2, above 100 ms", share(w, canary, over100), 1, 1e-9)
	near(t, "tight-x2, canary slower by", slower(w), 2, .02)
	w = worldOf(t, Clean, "bimodal-x1.5", 0)
	near(t, "bimodal-x1.5, above 100 ms on either arm", share(w, canary, over100), share(w, baseline, over100), .02)
	near(t, "bimodal-x1.5, canary slower by", slower(w), 1.5, .05)
	w = worldOf(t, Clean, "buckets", 0)
	near(t, "buckets, above 100 ms as others above 50 ms", share(w, canary, over100), share(w, baseline, over50), .01)
	near(t, "buckets, canary slower by", slower(w), meanStep, .1)
}

// TestBirths holds that stores other than the judge's miss the first error of every
// kind, and that the canary counts from its second block.
func TestBirths(t *testing.T) {
	w := worldOf(t, Clean, "births", 0)
	for a, first := range [...]int{canary: preBlocks, baseline: 0} {
		lost, errors := 0.0, 0.0
		for b := first; b < allBlocks; b++ {
			lost += w.arms[a].total.x[b] - w.arms[a].total.seen[b]
			errors += w.arms[a].total.x[b]
		}
		most := errorKinds * float64(len(w.arms[a].frames[ofErrors].Processes))
		if lost <= most/4 || lost > most || lost > errors {
			t.Errorf("arm %d: got %v of %v errors lost, want more than a quarter of %v kinds and no more than all", a, lost, errors, most)
		}
	}
	p := w.arms[canary].frames[ofErrors].Processes[0]
	if !queries.IsGap(p.N[preBlocks]) || queries.IsGap(p.N[preBlocks+1]) {
		t.Error("the canary does not begin with its second block")
	}
}

func TestFreshBaseline(t *testing.T) {
	w := worldOf(t, Moderate, "fresh-baseline", 0)
	if n := part(w.arms[baseline].frames[ofErrors], columnN, 0, preBlocks); n != 0 {
		t.Errorf("got %v requests of the baseline before the rollout, want none", n)
	}
	if n := part(w.arms[baseline].frames[ofErrors], columnN, preBlocks, allBlocks); n < 1000 {
		t.Errorf("got %v requests of the baseline in the rollout, want many", n)
	}
	if total := w.arms[baseline].total; slices.Max(total.n[:preBlocks]) != 0 {
		t.Error("other tools see a baseline before the rollout")
	}
}

// TestLimitsHoldStill holds that the plan of the high base rates has the product's
// limits, that they do not fire on chance, and that they fire where they should.
func TestLimitsHoldStill(t *testing.T) {
	p, err := labPlan(serins()[0], setting(t, "limits-15").Scenario)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range p.Limits {
		names = append(names, l.Name)
	}
	if !slices.Equal(names, []string{"throttled", "errors"}) && !slices.Equal(names, []string{"errors", "throttled"}) {
		t.Fatalf("got the limits %v, want errors and throttled", names)
	}
	for level, runs := range map[Level]int{Clean: 6, Harsh: 20} {
		calm := setting(t, "limits-15")
		calm.Level = level
		if c := measure(t, calm, runs, "serin")["serin"]; c.LimitRate > 0 {
			t.Errorf("a limit fired in %v of healthy runs of a %s service, want none", c.LimitRate, level)
		}
	}
	bad := setting(t, "limits-10+15pp")
	bad.Scenario.errorsPlus = .4
	if c := measure(t, bad, 4, "serin")["serin"]; c.LimitRate < 1 || c.RollbackRate < 1 {
		t.Errorf("at 50%% errors the limit fired in %v of the runs, %v were rolled back; want all", c.LimitRate, c.RollbackRate)
	}
}

// TestScenariosAreJudged holds that the judge finds every number that a plan of the
// lab asks for.
func TestScenariosAreJudged(t *testing.T) {
	for _, sc := range Scenarios() {
		s := setting(t, sc.Name)
		p, err := labPlan(serins()[0], s.Scenario)
		if err != nil {
			t.Errorf("%s: %v", sc.Name, err)
			continue
		}
		tr := newTrial(p, s.Scenario, newGenerator(s).run(0))
		v, err := tr.look(t.Context(), 12)
		if err != nil {
			t.Errorf("%s: %v", sc.Name, err)
			continue
		}
		for _, f := range v.Findings {
			if f.Class == judge.NoData && sc.load == 0 {
				t.Errorf("%s: %s has no data: %s", sc.Name, f.Name, f.Reason)
			}
		}
		if v.Evidence == 0 && v.Outcome == judge.Continue && len(v.Findings) == 0 {
			t.Errorf("%s: nothing was judged", sc.Name)
		}
	}
}

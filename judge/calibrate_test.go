package judge

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// TestKappa compares with the definition: the smallest divisor from 1 on with which
// the threshold is reached by a fraction level at most.
func TestKappa(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	raised := 0
	for range 2000 {
		tops := make([]float64, 1+r.IntN(60))
		for i := range tops {
			tops[i] = 3 * r.NormFloat64()
			if r.IntN(3) == 0 {
				tops[i] = math.Round(tops[i]) // ties
			}
		}
		threshold, level := 1+3*r.Float64(), []float64{0, .0167, .05, .2, .5, 1}[r.IntN(6)]
		fraction := func(k float64) float64 {
			n := 0.0
			for _, v := range tops {
				if v/k >= threshold {
					n++
				}
			}
			return n / float64(len(tops))
		}
		got := kappa(tops, threshold, level)
		if got < 1 || fraction(got) > level+1e-9 {
			t.Fatalf("%v at %g, level %g: with %g the fraction is %g", tops, threshold, level, got, fraction(got))
		}
		if got > 1 {
			raised++
			if less := got * (1 - 1e-9); fraction(less) <= level {
				t.Fatalf("%v at %g, level %g: got %.15g, but %.15g does too", tops, threshold, level, got, less)
			}
		}
	}
	if raised < 500 {
		t.Errorf("only %d of 2000 cases had anything to temper", raised)
	}
}

// podSeriesOf makes the values of pods over two hours; the first pod is the canary.
type podSeriesOf func(r *rand.Rand, pods, n int) [][]float64

// eachPod makes every pod by itself.
func eachPod(one func(r *rand.Rand, n int) []float64) podSeriesOf {
	return func(r *rand.Rand, pods, n int) [][]float64 {
		out := make([][]float64, pods)
		for i := range out {
			out[i] = one(r, n)
		}
		return out
	}
}

// wandering is exp of an AR(1) series of standard deviation sd.
func wandering(r *rand.Rand, n int, rho, sd float64) []float64 {
	v, x := make([]float64, n), r.NormFloat64()
	for t := range v {
		v[t] = math.Exp(sd * x)
		x = rho*x + math.Sqrt(1-rho*rho)*r.NormFloat64()
	}
	return v
}

// spiky is calm with a tenfold value once in a hundred blocks.
func spiky(r *rand.Rand, n int) []float64 {
	v := wandering(r, n, .5, .05)
	for t := range v {
		if r.Float64() < .01 {
			v[t] *= 10
		}
	}
	return v
}

// emptyQueue is 0 four times in five.
func emptyQueue(r *rand.Rand, n int) []float64 {
	v := make([]float64, n)
	for t := range v {
		if r.Float64() > .8 {
			v[t] = math.Ceil(5 * r.ExpFloat64())
		}
	}
	return v
}

// incident makes half of the pods, whichever they are, suffer from the tenth minute of
// the second half on.
func incident(r *rand.Rand, pods, n int) [][]float64 {
	out := make([][]float64, pods)
	for i := range out {
		out[i] = wandering(r, n, .7, .06)
		if r.Float64() < .5 {
			for t := n/2 + 10; t < n; t++ {
				out[i][t] *= 1.6
			}
		}
	}
	return out
}

func gaugeFrame(v [][]float64, from, to int) queries.Frame {
	f := queries.Frame{Window: queries.Window{Start: at(from), End: at(to), Block: time.Minute}}
	for i := range v {
		f.Processes = append(f.Processes, queries.Process{Name: fmt.Sprintf("p-%02d", i), V: v[i][from:to]})
	}
	return f
}

func gaugeMetric() plan.Metric {
	return plan.Metric{
		Name: "gauge", Kind: plan.Gauge, Worse: plan.Higher, Weight: 1, Reading: queries.Reading{Kind: queries.Gauge},
		Tolerance: plan.Margin{Relative: .1}, Margin: plan.Margin{Relative: .5},
	}
}

// alarms counts, of so many runs with 19 baseline pods, those that a gauge rolls back
// by itself: as it is, calibrated, guarded.
func alarms(runs int, make podSeriesOf, times float64) (plain, calibrated, guarded int) {
	p := plan.Plan{Alpha: .05, Beta: .05, Guarantee: plan.AllPods, Metrics: []plan.Metric{gaugeMetric()}}
	m := p.Metrics[0]
	s := sharpnessOf(p, testRollout()).of(p, m)
	for run := range runs {
		v := make(rand.New(rand.NewPCG(uint64(run), 7)), 20, 120)
		for t := 60; t < 120; t++ {
			v[0][t] *= times
		}
		pre := gaugeFrame(v[1:], 0, 60)
		prior := newPrior(m, pre, nil, 0)
		row := crewOf(gaugeFrame(v, 60, 120), nil, 0, nil)
		k := row.contrast(group{0, 1}, firstBlocks(60), row.total(), prior.pairing(false))
		if len(k.d) == 0 {
			continue
		}
		logs := prior.gaugeWorse(k, m, s)
		plain += reached(logs, s)
		calibrated += reached(prior.calibrate(m, s, crewOf(pre, nil, 0, nil)).temper(slices.Clone(logs)), s)
		guard{p: prior, m: m, s: s, pods: row, size: 1}.apply(logs, k.at)
		guarded += reached(logs, s)
	}
	return plain, calibrated, guarded
}

func reached(logs []float64, s sharpness) int {
	if firstAt(logs, s.alone()) >= 0 {
		return 1
	}
	return 0
}

func firstBlocks(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// TestSkewedGauges: what is mostly empty, or calm with spikes, is rolled back by chance
// less often where it is calibrated, and no more than α allows.
func TestSkewedGauges(t *testing.T) {
	const runs = 250
	for name, of := range map[string]podSeriesOf{"spikes": eachPod(spiky), "queue": eachPod(emptyQueue)} {
		t.Run(name, func(t *testing.T) {
			plain, calibrated, guarded := alarms(runs, of, 1)
			t.Logf("of %d: plain %d, calibrated %d, guarded %d", runs, plain, calibrated, guarded)
			if calibrated >= plain || float64(calibrated) > .05*runs || float64(guarded) > .05*runs {
				t.Errorf("of %d: plain %d, calibrated %d, guarded %d, want fewer, and at most 5 %%", runs, plain, calibrated, guarded)
			}
		})
	}
	if _, calibrated, _ := alarms(100, eachPod(spiky), 2); calibrated < 95 {
		t.Errorf("twice as much is found in %d of 100 runs", calibrated)
	}
}

// TestGuardHoldsItsLevel: pods are exchangeable, but a half of them goes bad together.
// A test that takes pods to be independent blames the canary in two runs of five.
func TestGuardHoldsItsLevel(t *testing.T) {
	const runs = 500
	plain, _, guarded := alarms(runs, incident, 1)
	most := .05*runs + 2*math.Sqrt(.05*.95*runs) // α, and twice the standard error
	if plain < runs/4 || float64(guarded) > most {
		t.Errorf("of %d: plain %d, guarded %d, want at least a quarter and at most %.0f", runs, plain, guarded, most)
	}
	if _, _, found := alarms(100, eachPod(func(r *rand.Rand, n int) []float64 { return wandering(r, n, .7, .06) }), 1.3); found < 95 {
		t.Errorf("30 %% more is found in %d of 100 runs", found)
	}
	if _, _, found := alarms(100, incident, 1.3); found < 90 {
		t.Errorf("30 %% more from before the incident on is found in %d of 100 runs", found)
	}
}

func TestWhenThereIsNoCalibration(t *testing.T) {
	p := plan.Plan{Alpha: .05, Beta: .05, Metrics: []plan.Metric{gaugeMetric()}}
	m, s := p.Metrics[0], sharpness{alpha: .05, rollback: math.Log(20), scale: 1, zRollback: 2}
	for _, c := range []struct {
		name string
		of   podSeriesOf
		pods int
		want bool
		said string
	}{
		{"skewed", eachPod(spiky), 19, true, ""},
		{"not skewed", eachPod(func(r *rand.Rand, n int) []float64 { return wandering(r, n, .5, .1) }), 19, false, ""},
		{"few pods", eachPod(spiky), 9, true, "only 18 comparisons of the 20"},
		{"just enough pods", eachPod(spiky), 10, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := gaugeFrame(c.of(rand.New(rand.NewPCG(3, 3)), c.pods, 60), 0, 60)
			prior := newPrior(m, f, nil, 0)
			got := prior.calibrate(m, s, crewOf(f, nil, 0, nil))
			if (got != nil) != c.want {
				t.Fatalf("got %+v, want one: %v (skewness %g)", got, c.want, prior.Series.Skew)
			}
			if got != nil && got.Placebos != 2*c.pods {
				t.Errorf("got %d comparisons of %d pods", got.Placebos, c.pods)
			}
			if said := got.words(); c.said != "" && (got.Kappa != 1 || !strings.Contains(said, c.said)) {
				t.Errorf("got κ %g and %q, want 1 and words with %q", got.Kappa, said, c.said)
			}
		})
	}
}

// TestOldPriors: a record from before there was a calibration reads as one without.
func TestOldPriors(t *testing.T) {
	old := `{"blocks":60,"pods":3,"series":{"var":0.01,"rho":0.5,"pod":0.1,"df":2,"scale":1,"log":true,"skew":3},"notes":[{"code":"lost","text":"x"}]}`
	var p Prior
	if err := json.Unmarshal([]byte(old), &p); err != nil || p.Calibration != nil || len(p.Notes) != 1 {
		t.Fatalf("got %+v, %v", p, err)
	}
	again, err := json.Marshal(p)
	if err != nil || string(again) != old {
		t.Errorf("got %s, %v, want %s", again, err, old)
	}
	logs := []float64{4, -2}
	if got := p.Calibration.temper(logs); got[0] != 4 || got[1] != -2 {
		t.Errorf("got %v, want it untouched", got)
	}
	p.Calibration = &Calibration{Kappa: 2, Placebos: 38, Level: .05}
	if got := p.Calibration.temper(logs); got[0] != 2 || got[1] != -1 {
		t.Errorf("got %v, want half", got)
	}
}

// TestAGroupIsAnArm: what a group of pods is compared by is what the arms are.
func TestAGroupIsAnArm(t *testing.T) {
	for _, c := range []struct {
		name string
		cost bool
	}{{"gauge", false}, {"cost", true}} {
		t.Run(c.name, func(t *testing.T) {
			in := newWorld(5).input(20)
			m, put := gaugeMetric(), asGauge
			if c.cost {
				m.Of, m.Reading.Kind, put = "errors", queries.Counter, asCounter
			}
			withMetric(&in, m, func(s side, span [2]int) queries.Frame {
				return columnsOf(s, []int{3, 17}[s], span, func(pod, t int) float64 {
					if pod == 1 && t%7 == 3 {
						return math.NaN()
					}
					return 50 * math.Exp(.2*noise(s, pod, t))
				}, put)
			}, nil)
			tl := newTimeline(in.Record, in.Closed, in.Record.Frozen.Metrics["errors"])
			tr := &trial{m: m, frozen: in.Record.Frozen.Metrics[m.Name]}
			var requests *FrozenMetric
			if c.cost {
				f := in.Record.Frozen.Metrics["errors"]
				requests = &f
			}
			want := gaugeContrast(tr, tl, requests)
			g := gaugeGuard(tr, tl, sharpness{scale: 1}, requests)
			got := g.pods.contrast(group{0, g.size}, want.at, g.pods.total(), tr.frozen.Prior.pairing(c.cost))
			if len(want.d) < 10 || !slices.Equal(got.at, want.at) {
				t.Fatalf("got blocks %v, want %v", got.at, want.at)
			}
			for i := range got.d {
				if math.Abs(got.d[i]-want.d[i]) > 1e-12 || got.kc[i] != want.kc[i] || got.kb[i] != want.kb[i] {
					t.Errorf("block %d: got %g of %g and %g pods, want %g of %g and %g", got.at[i],
						got.d[i], got.kc[i], got.kb[i], want.d[i], want.kc[i], want.kb[i])
				}
			}
		})
	}
}

// TestGuardedVerdict: an incident that spares some pods does not roll back, and the
// finding says what was withheld. The same evidence with calm neighbours does.
func TestGuardedVerdict(t *testing.T) {
	verdict := func(suffer int) Verdict {
		in := newWorld(31).input(40)
		withMetric(&in, gaugeMetric(), func(s side, span [2]int) queries.Frame {
			return columnsOf(s, []int{1, 24}[s], span, func(pod, t int) float64 {
				v := math.Exp(.05 * noise(s, pod, t))
				if t >= 15 && (s == canary || pod < suffer) {
					v *= 1.8
				}
				return v
			}, asGauge)
		}, nil)
		return Evaluate(in)
	}
	if v := verdict(0); v.Outcome != Rollback || strings.Contains(finding(v, "gauge").Reason, "withheld") {
		t.Errorf("alone: got %v, %s", v.Outcome, finding(v, "gauge").Reason)
	}
	v := verdict(9)
	f := finding(v, "gauge")
	if v.Outcome == Rollback || !strings.Contains(f.Reason, "of 24 groups of pods that were judged in the same way") {
		t.Errorf("an incident: got %v, %s", v.Outcome, f.Reason)
	}
}

func BenchmarkCalibration(b *testing.B) {
	f := gaugeFrame(eachPod(spiky)(rand.New(rand.NewPCG(1, 1)), 20, 60), 0, 60)
	m := gaugeMetric()
	s := sharpness{alpha: .05, rollback: math.Log(20), scale: 1, zRollback: 2}
	b.ReportAllocs()
	for b.Loop() {
		prior := newPrior(m, f, nil, 0)
		if prior.calibrate(m, s, crewOf(f, nil, 0, nil)) == nil {
			b.Fatal("no calibration")
		}
	}
}

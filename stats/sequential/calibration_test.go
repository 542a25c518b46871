package sequential

import (
	"math"
	"sort"
	"testing"
)

// The tests of this file run the engines as a judge does, on simulated rollouts with
// known truth and fixed seeds. Their bounds are loose against the measured values
// and tight against a broken engine: without φ̂ and pod allowance the same runs
// alarm in 10 to 50 %.

const (
	podZ     = 2.39 // 6 metrics at 5 %
	promoteZ = 1.64
)

// judged is the evidence of one metric on both sides, after each block.
type judged struct{ worse, notWorse []float64 }

func (w *world) kb() float64 { return simPods - float64(w.canaries) }

// errors judges the error ratio: 1.1× tolerated, margin 1.5× + 0.5 pp.
func (w *world) errors() judged {
	p := PlaceboCounts(w.before(w.n), w.before(w.bad))
	pods := Pods{Sigma: math.Min(p.Pod, .5), DF: p.DF, Default: .1}
	blocks := w.blocks(w.bad)
	phi := Dispersion{Phi0: math.Max(p.Phi, 1), Nu0: 30}.Running(nil, blocks)
	side := func(c Counts, margin float64) []float64 {
		for i := range blocks {
			blocks[i].A = math.Exp(margin)
		}
		return c.Evidence(nil, blocks, phi)
	}
	return judged{
		worse:    side(Counts{Restarts: true}, pods.RollbackMargin(math.Log(1.1), float64(w.canaries), w.kb(), podZ)),
		notWorse: side(Counts{Side: NotWorse, D: .005}, pods.PromoteMargin(math.Log(1.5), float64(w.canaries), w.kb(), promoteZ)),
	}
}

// latency judges the histogram: 10 % tolerated, margin 50 %.
func (w *world) latency() judged {
	exceed := make([]float64, len(simBounds()))
	placebos := make([]CountPlacebo, len(exceed))
	for k := range exceed {
		placebos[k] = PlaceboCounts(w.before(w.n), w.before(w.slower[k]))
		exceed[k] = placebos[k].Exceed
	}
	ratios := ShiftRatio(nil, simBounds(), exceed, .1)
	promote := PromoteRatio(nil, simBounds(), exceed, .5)
	var worse, notWorse [][]float64
	expected := 0.0
	for _, x := range w.n[0][:simBefore] {
		expected += x
	}
	for k, s := range exceed {
		if s <= 3e-4 || s >= .97 || s*expected < 5 {
			continue
		}
		p := placebos[k]
		pods := Pods{Sigma: math.Min(p.Pod, .7), DF: p.DF, Default: .05}
		blocks := w.blocks(w.slower[k])
		phi := Dispersion{Phi0: p.Phi, Nu0: 30, Floor: 1 - s}.Running(nil, blocks)
		margin := pods.RollbackMargin(math.Log(ratios[k]), float64(w.canaries), w.kb(), podZ)
		for i := range blocks {
			blocks[i].A = math.Exp(margin)
		}
		grid := WorseGrid(simBounds(), exceed, .1, k)
		worse = append(worse, Counts{Restarts: true, Grid: grid}.Evidence(nil, blocks, phi))
		if margin = pods.PromoteMargin(math.Log(promote[k]), float64(w.canaries), w.kb(), promoteZ); margin <= 0 || s*expected < 20 {
			continue
		}
		for i := range blocks {
			blocks[i].A = math.Exp(margin)
		}
		grid = NotWorseGrid(simBounds(), exceed, .5, k)
		notWorse = append(notWorse, Counts{Side: NotWorse, Grid: grid}.Evidence(nil, blocks, phi))
	}
	mean := w.meanLatency()
	return judged{worse: average(append(worse, mean.worse)), notWorse: least(append(notWorse, mean.notWorse))}
}

// meanLatency judges the mean of all latencies, which needs no bounds: on the usual
// ones, which are a factor of 2 or more apart, a margin of 50 % is certified by it
// alone.
func (w *world) meanLatency() judged {
	v := grid2(simPods, simBefore+simRun)
	for pod := range v {
		for t := range v[pod] {
			v[pod][t] = w.sum[pod][t] / w.n[pod][t]
		}
	}
	nc, nb := w.arms(w.n)
	sc, sb := w.arms(w.sum)
	d := make([]float64, simRun)
	for i := range d {
		t := simBefore + i
		d[i] = math.Log(sc[t] / nc[t] / (sb[t] / nb[t]))
	}
	return w.contrast(PlaceboSeries(w.before(v)), d)
}

// resources judges CPU: 10 % tolerated, margin 50 %.
func (w *world) resources() judged {
	c, b := w.arms(w.cpu)
	d := make([]float64, simRun)
	for i := range d {
		d[i] = math.Log(c[simBefore+i] / float64(w.canaries) / (b[simBefore+i] / w.kb()))
	}
	return w.contrast(PlaceboSeries(w.before(w.cpu)), d)
}

// contrast judges paired log contrasts: 10 % tolerated, margin 50 %.
func (w *world) contrast(p SeriesPlacebo, d []float64) judged {
	pods := Pods{Sigma: p.Pod, DF: p.DF, Default: .05}
	kc := float64(w.canaries)
	shifted := func(sign, margin float64) []float64 {
		y := make([]float64, len(d))
		for i := range d {
			y[i] = sign * (d[i] - margin)
		}
		return y
	}
	s := Series{Tau: 1, Var: p.Contrast(kc, w.kb()), Nu0: 30, Rho: p.Rho, RhoWeight: 20, Restarts: true}
	worse := s.Evidence(nil, shifted(1, pods.RollbackMargin(math.Log(1.1), kc, w.kb(), podZ)), d)
	s.Restarts = false
	return judged{worse, s.Evidence(nil, shifted(-1, pods.PromoteMargin(math.Log(1.5), kc, w.kb(), promoteZ)), d)}
}

func average(streams [][]float64) []float64 {
	out := make([]float64, simRun)
	column := make([]float64, len(streams))
	for t := range out {
		for i, s := range streams {
			column[i] = s[t]
		}
		out[t] = Mix(column, nil)
	}
	return out
}

func least(streams [][]float64) []float64 {
	out := make([]float64, simRun)
	for t := range out {
		out[t] = math.Inf(1)
		for _, s := range streams {
			out[t] = math.Min(out[t], s[t])
		}
		if len(streams) == 0 {
			out[t] = math.Inf(-1) // nothing can certify
		}
	}
	return out
}

// firstAt returns the first block at which e reaches the level, from 1; never is 999.
func firstAt(e []float64, level float64) int {
	for t, v := range e {
		if v >= math.Log(level) {
			return t + 1
		}
	}
	return 999
}

func median(v []int) int {
	sort.Ints(v)
	return v[len(v)/2]
}

func fraction(v []int) float64 {
	hit := 0
	for _, t := range v {
		if t <= simRun {
			hit++
		}
	}
	return float64(hit) / float64(len(v))
}

// TestFalseAlarms looks at healthy rollouts every minute of an hour.
func TestFalseAlarms(t *testing.T) {
	for _, bench := range []struct {
		name string
		level
		runs  int
		limit float64 // of false rollbacks, at nominally 5 %
	}{
		{"clean", cleanLevel(), 60, .02},
		{"moderate", moderateLevel(), 160, .02},
	} {
		t.Run(bench.name, func(t *testing.T) {
			var all, errors, latency, cpu, naive, promoted []int
			for seed := range bench.runs {
				w := simulate(uint64(seed), 100, bench.level, story{})
				e, l, c := w.errors(), w.latency(), w.resources()
				all = append(all, firstAt(average([][]float64{e.worse, l.worse, c.worse}), 20))
				errors = append(errors, firstAt(e.worse, 20))
				latency = append(latency, firstAt(l.worse, 20))
				cpu = append(cpu, firstAt(c.worse, 20))
				promoted = append(promoted, firstAt(least([][]float64{e.notWorse, l.notWorse, c.notWorse}), 20))
				blocks := w.blocks(w.bad)
				for i := range blocks {
					blocks[i].A = 1
				}
				naive = append(naive, firstAt(Counts{}.Evidence(nil, blocks, nil), 20))
			}
			t.Logf("false rollbacks %.3f (errors %.3f, latency %.3f, cpu %.3f; errors without φ̂ and allowance %.3f); promoted %.2f, median minute %d",
				fraction(all), fraction(errors), fraction(latency), fraction(cpu), fraction(naive), fraction(promoted), median(promoted))
			if got := fraction(all); got > bench.limit {
				t.Errorf("false rollbacks: got %.3f, want at most %.3f", got, bench.limit)
			}
			for name, v := range map[string][]int{"errors": errors, "latency": latency, "cpu": cpu} {
				if got := fraction(v); got > .04 {
					t.Errorf("%s alone: got %.3f, want at most 0.04", name, got)
				}
			}
			if bench.phi > 1 && fraction(naive) < .04 {
				t.Errorf("without φ̂ and allowance: got %.3f; the simulation is not noisy enough to test them", fraction(naive))
			}
			if fraction(promoted) < .9 {
				t.Errorf("promoted: got %.3f, want at least 0.9", fraction(promoted))
			}
		})
	}
}

// TestDetection checks power and speed at moderate noise, 100 requests a second in
// all, one canary pod of twenty.
func TestDetection(t *testing.T) {
	const runs = 30
	for _, bench := range []struct {
		name string
		story
		evidence func(*world) judged
		minutes  int
		power    float64
	}{
		{"errors +2 pp", story{errAdd: .02, withoutHistogram: true}, (*world).errors, 4, .99},
		{"errors +5 pp", story{errAdd: .05, withoutHistogram: true}, (*world).errors, 2, .99},
		{"errors +0.5 pp", story{errAdd: .005, withoutHistogram: true}, (*world).errors, 22, .9},
		{"latency ×1.5", story{latTimes: 1.5}, (*world).latency, 4, .99},
		{"cpu ×1.3", story{cpuUp: 1.3, withoutHistogram: true}, (*world).resources, 10, .85},
		{"errors +2 pp from minute 30", story{errAdd: .02, start: 30, withoutHistogram: true}, (*world).errors, 36, .99},
		{"latency ×1.5 from minute 30", story{latTimes: 1.5, start: 30}, (*world).latency, 40, .99},
	} {
		t.Run(bench.name, func(t *testing.T) {
			var found, promoted []int
			for seed := range runs {
				w := simulate(1000+uint64(seed), 100, moderateLevel(), bench.story)
				e := bench.evidence(w)
				// One of three metrics of equal weight.
				found = append(found, firstAt(e.worse, 60))
				promoted = append(promoted, firstAt(e.notWorse, 20))
			}
			t.Logf("found %.2f, median minute %d; promoted %.2f", fraction(found), median(found), fraction(promoted))
			if fraction(found) < bench.power || median(found) > bench.minutes {
				t.Errorf("found %.2f by median minute %d, want at least %.2f by minute %d",
					fraction(found), median(found), bench.power, bench.minutes)
			}
		})
	}
}

// TestFalsePromotion puts each metric exactly at its margin.
func TestFalsePromotion(t *testing.T) {
	const runs = 60
	for _, bench := range []struct {
		name string
		story
		evidence func(*world) judged
	}{
		{"errors", story{errAdd: .5*simBase + .005, withoutHistogram: true}, (*world).errors},
		{"latency", story{latTimes: 1.5}, (*world).latency},
		{"cpu", story{cpuUp: 1.5, withoutHistogram: true}, (*world).resources},
	} {
		t.Run(bench.name, func(t *testing.T) {
			var promoted []int
			for seed := range runs {
				promoted = append(promoted, firstAt(bench.evidence(simulate(5000+uint64(seed), 100, moderateLevel(), bench.story)).notWorse, 20))
			}
			t.Logf("promoted %.3f", fraction(promoted))
			if got := fraction(promoted); got > .084 {
				// Nominally 0.05: five of 60 are not yet a defect.
				t.Errorf("promoted at the margin: got %.3f, want about 0.05 at most", got)
			}
		})
	}
}

package lab

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/serin-canary/serin/queries"
)

// TestLatencyHistogram compares a large histogram with durations drawn one by one.
func TestLatencyHistogram(t *testing.T) {
	l, d := newLatencies(broadShape), newDrawer(testSeed, 5)
	const n, tail = 200000, .1
	got, want := make([]float64, 11), make([]float64, 11)
	gotSum := l.draw(d, got, n, pace{math.Log(.08), tail})
	var wantSum float64
	for range n {
		v := .08 * math.Exp(latencySpread*d.NormFloat64())
		if u := d.Float64(); u < tail {
			v *= tailTimes
		} else if u < tail+(1-tail)*slowShare {
			v *= slowTimes
		}
		wantSum += v
		for k, b := range bounds() {
			if v > b {
				want[k]++
			}
		}
	}
	for k := range got {
		if gap := math.Abs(got[k]-want[k]) / math.Sqrt(2*math.Max(want[k]*(1-want[k]/n), 1)); gap > 4.5 {
			t.Errorf("above %v s: got %v, want %v (%.1f standard errors apart)", bounds()[k], got[k], want[k], gap)
		}
	}
	if math.Abs(gotSum/wantSum-1) > .02 {
		t.Errorf("got a sum of %v, want %v", gotSum, wantSum)
	}
}

// TestSumsStayInTheirBuckets holds that a drawn sum is possible, however few the requests.
func TestSumsStayInTheirBuckets(t *testing.T) {
	l, d := newLatencies(broadShape), newDrawer(testSeed, 6)
	limits, over := bounds(), make([]float64, 11)
	for i := range 2000 {
		n := float64(i % 4)
		sum := l.draw(d, over, n, pace{logMedian: math.Log(.06)})
		low, high, before := 0.0, 0.0, n
		for k := range limits {
			in := before - over[k]
			high += in * limits[k]
			if k > 0 {
				low += in * limits[k-1]
			}
			before = over[k]
		}
		if before > 0 {
			low, high = low+before*limits[10], math.Inf(1)
		}
		if sum < low*(1-1e-12) || sum > high*(1+1e-12) {
			t.Fatalf("%v requests over %v: got a sum of %v, want one in [%v, %v]", n, over, sum, low, high)
		}
	}
}

// TestCleanWorld compares a clean service with the numbers it is made of.
func TestCleanWorld(t *testing.T) {
	s := setting(t, "errors+2pp")
	s.Level = Clean
	g := newGenerator(s)
	var n, x, over [2]float64
	var cpu float64
	const runs = 30
	for i := range runs {
		w := g.run(i)
		for a := range w.arms {
			for b := preBlocks; b < allBlocks; b++ {
				n[a] += w.arms[a].total.n[b]
				x[a] += w.arms[a].total.x[b]
				over[a] += w.arms[a].total.over[b*11+4] // above 100 ms
				cpu += w.arms[a].total.v[b] / (2 * runs * runBlocks)
			}
		}
	}
	near := func(what string, got, want, tolerance float64) {
		if math.Abs(got-want) > tolerance {
			t.Errorf("%s: got %v, want %v ± %v", what, got, want, tolerance)
		}
	}
	near("share of the canary", n[canary]/(n[canary]+n[baseline]), .05, .002)
	near("errors of the canary", x[canary]/n[canary], .022, 4*math.Sqrt(.022/n[canary]))
	near("errors of the baseline", x[baseline]/n[baseline], .002, 4*math.Sqrt(.002/n[baseline]))
	slow := .98*normal(math.Log(.06/.1)/latencySpread) + .02*normal(math.Log(.3/.1)/latencySpread)
	near("above 100 ms", over[baseline]/n[baseline], slow, 4*math.Sqrt(slow/n[baseline]))
	near("CPU", cpu, .4, .03)
}

// TestErrorsComeInBursts holds the dispersion of the errors of a pod's minute.
func TestErrorsComeInBursts(t *testing.T) {
	s := setting(t, "aa")
	s.Level, s.RPS = Harsh, 1000
	g := newGenerator(s)
	g.level.podErrors, g.level.timeErrors, g.level.commonErrors, g.level.outage, g.level.blips = 0, 0, 0, 0, 0
	var sum, count float64
	for i := range 4 {
		g.run(i)
		for _, slot := range g.slots {
			for b := range slot.n {
				mean := slot.n[b] * baseErrors
				sum += (slot.x[b] - mean) * (slot.x[b] - mean) / mean
				count++
			}
		}
	}
	if got := sum / count; math.Abs(got-3) > .25 {
		t.Errorf("got a dispersion of %v, want 3", got)
	}
}

// TestBaselinesAreTheSameWhateverTheEffect holds that scenarios with one seed
// differ by their canaries alone.
func TestBaselinesAreTheSameWhateverTheEffect(t *testing.T) {
	w := newGenerator(setting(t, "aa")).run(3)
	v := newGenerator(setting(t, "errors+5pp")).run(3)
	if !slices.Equal(w.arms[baseline].total.x, v.arms[baseline].total.x) || !slices.Equal(w.arms[baseline].total.over, v.arms[baseline].total.over) {
		t.Error("the baselines differ")
	}
	if slices.Equal(w.arms[canary].total.x, v.arms[canary].total.x) {
		t.Error("the canaries do not")
	}
}

// TestWorldsAreFrames holds that every scenario gives frames that the judge accepts,
// and that canaries do not exist before their rollout.
func TestWorldsAreFrames(t *testing.T) {
	for _, sc := range Scenarios() {
		s := setting(t, sc.Name)
		s.RPS = 1
		w := newGenerator(s).run(0)
		for _, a := range w.arms {
			for _, f := range a.frames {
				if err := f.Validate(); err != nil {
					t.Errorf("%s: %v", sc.Name, err)
				}
			}
		}
		for _, p := range w.arms[canary].frames[ofErrors].Processes {
			for b := range preBlocks {
				if !queries.IsGap(p.N[b]) {
					t.Fatalf("%s: %s has %v requests before the rollout", sc.Name, p.Name, p.N[b])
				}
			}
		}
	}
}

func TestRestartedPodsGetNewNames(t *testing.T) {
	w := newGenerator(setting(t, "restarts")).run(0)
	names := map[string]int{}
	for _, p := range w.arms[baseline].frames[ofErrors].Processes {
		names[p.Name[:len("baseline-000")]]++
	}
	more := 0
	for _, n := range names {
		if n > 1 {
			more++
		}
	}
	if len(names) != 19 || more < 5 {
		t.Errorf("got %d places of which %d had several processes, want 19 and at least 5", len(names), more)
	}
}

func TestPods(t *testing.T) {
	for text, want := range map[string]Pods{"1": {19, 1}, "3": {17, 3}, "3+1": {3, 1}, "3+3": {3, 3}} {
		if got, err := ParsePods(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "20", "-1", "3+", "+1", "3+0", "a", "1+1+1", "400+101"} {
		if got, err := ParsePods(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
	if got := fmt.Sprint(Pods{3, 1}); got != "3+1" {
		t.Errorf("got %q, want 3+1", got)
	}
}

// TestOutagesHitBothArms holds how many outages there are, how long and how bad.
func TestOutagesHitBothArms(t *testing.T) {
	s := setting(t, "aa")
	g := newGenerator(s)
	g.level = roughness{phi: 1, outage: 1}
	for i := range 20 {
		g.run(i)
		var before, during int
		for b, e := range g.shared.errors {
			if e == 0 {
				continue
			}
			if math.Abs(math.Exp(e)-8) > 1e-9 || math.Abs(math.Exp(g.shared.latency[b])-1.5) > 1e-9 {
				t.Fatalf("run %d, block %d: got errors times %v, latency times %v, want 8 and 1.5", i, b, math.Exp(e), math.Exp(g.shared.latency[b]))
			}
			if b < preBlocks {
				before++
			} else {
				during++
			}
		}
		if before < 1 || before > 4 || during < 1 || during > 4 {
			t.Errorf("run %d: got outages of %d and %d minutes, want 1 to 4 (2 to 4, cut at the end)", i, before, during)
		}
	}
}

// TestNoisyNeighbours holds what befalls single pods, and that pods differ.
func TestNoisyNeighbours(t *testing.T) {
	g := newGenerator(setting(t, "aa"))
	g.level = roughness{blips: .25}
	d := newDrawer(testSeed, 8)
	hit := 0
	for range 4000 {
		if m := g.moods(d); slices.Max(m.latency[:]) > 0 {
			hit++
			if got := math.Exp(slices.Max(m.errors[:])); math.Abs(got-1.5) > 1e-9 {
				t.Fatalf("got errors times %v, want 1.5", got)
			}
		}
	}
	if share := float64(hit) / 4000; math.Abs(share-.5) > .04 {
		t.Errorf("got a blip in %v of the two hours, want one in half", share)
	}
	g.level = Harsh.roughness()
	_, variance := sample(20000, func() float64 { return g.temper(d).errors })
	if sd := math.Sqrt(variance); math.Abs(sd-.15) > .005 {
		t.Errorf("got pods that differ by %v, want 0.15", sd)
	}
}

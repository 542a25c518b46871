package sequential

import (
	"math"
	"math/rand/v2"
	"testing"
)

// lucky simulates canaries of one pod whose log ratio is drawn once, from N(log effect,
// σ²), and returns after how many of 60 blocks evidence reaches e, for both ways of
// allowing for it; 61 where it does not.
func lucky(r *rand.Rand, sigma, effect float64) (tempered, moved int) {
	const nb, rate, share, e = 5700., .002, 300. / 5700, 20
	ratio := effect * math.Exp(sigma*r.NormFloat64())
	blocks := make([]CountBlock, 60)
	variance := make([]float64, len(blocks))
	for t := range blocks {
		blocks[t] = CountBlock{Nc: nb * share, Nb: nb, Xc: poisson(r, nb*share*rate*ratio), Xb: poisson(r, nb*rate), A: 1}
		variance[t] = sigma * sigma
	}
	first := func(ev []float64) int {
		for t, v := range ev {
			if v >= math.Log(e) {
				return t + 1
			}
		}
		return 61
	}
	c := Counts{Restarts: true}
	tempered = first(c.Evidence(nil, blocks, Luck(nil, nil, blocks, variance)))
	for t := range blocks {
		blocks[t].A = math.Exp(1.96 * sigma)
	}
	return tempered, first(c.Evidence(nil, blocks, nil))
}

// TestLuckHoldsAndFindsMore holds what Luck is for: where the canary's log ratio is its
// pod's luck alone, evidence reaches 20 in at most 5 % of the rollouts, as it does not
// where luck is ignored; and a regression is found more often than by moving the null.
func TestLuckHoldsAndFindsMore(t *testing.T) {
	const runs = 600
	count := func(sigma, effect float64) (tempered, moved float64) {
		r := rand.New(rand.NewPCG(91, 5))
		for range runs {
			a, b := lucky(r, sigma, effect)
			if a <= 60 {
				tempered++
			}
			if b <= 60 {
				moved++
			}
		}
		return tempered / runs, moved / runs
	}
	for _, sigma := range []float64{.1, .3} {
		healthy, _ := count(sigma, 1)
		if healthy > .05 {
			t.Errorf("σ %v: %v of the healthy canaries reach 20, want at most 0.05", sigma, healthy)
		}
		found, before := count(sigma, 2)
		if found < before+.05 {
			t.Errorf("σ %v: twice the errors are found in %v, and in %v by moving the null; want clearly more", sigma, found, before)
		}
	}
}

// TestLuckIgnoredAlarms ensures that the level above is Luck's doing.
func TestLuckIgnoredAlarms(t *testing.T) {
	const runs = 300
	r := rand.New(rand.NewPCG(92, 5))
	alarms := 0
	for range runs {
		ratio := math.Exp(.3 * r.NormFloat64())
		blocks := make([]CountBlock, 60)
		for t := range blocks {
			blocks[t] = CountBlock{Nc: 300, Nb: 5700, Xc: poisson(r, .6*ratio), Xb: poisson(r, 11.4), A: 1}
		}
		for _, v := range (Counts{Restarts: true}).Evidence(nil, blocks, nil) {
			if v >= math.Log(20) {
				alarms++
				break
			}
		}
	}
	if alarms < runs/10 {
		t.Errorf("got %d alarms of %d without an allowance, want a tenth or more", alarms, runs)
	}
}

func TestLuckOfNothing(t *testing.T) {
	blocks := []CountBlock{{Nc: 10, Nb: 90, Xc: 1, Xb: 9, A: 1}, {A: 1}, {Nc: 10, Nb: 90, Xc: 1, Xb: 9, A: 1}}
	for _, c := range []struct {
		name          string
		phi, variance []float64
		want          [3]float64
	}{
		{"no phi, no variance", nil, nil, [3]float64{1, 1, 1}},
		{"phi alone", []float64{2, 3}, []float64{0, 0, 0}, [3]float64{2, 3, 3}},
		{"both", []float64{2}, []float64{1, 1, 1}, [3]float64{2.9, 2.9, 3.8}},
		{"no proper variance", nil, []float64{math.NaN(), math.Inf(1), -1}, [3]float64{1, 1, 1}},
	} {
		got := Luck(nil, c.phi, blocks, c.variance)
		for i := range c.want {
			if math.Abs(got[i]-c.want[i]) > 1e-12 {
				t.Errorf("%s: block %d: got %v, want %v", c.name, i, got[i], c.want[i])
			}
		}
	}
}

func TestSpread(t *testing.T) {
	if got := (Pods{Sigma: .2, DF: 18, Default: .1}).Spread(2.39); math.Abs(got-.2) > 1e-12 {
		t.Errorf("many pods: got %v, want Sigma", got)
	}
	if got := (Pods{Default: .1}).Spread(2.39); math.Abs(got-.1) > 1e-12 {
		t.Errorf("no pods: got %v, want Default", got)
	}
	if got := (Pods{Sigma: .2, DF: 2, Default: .1}).Spread(2.39); got <= .3 {
		t.Errorf("three pods: got %v, want well above Sigma", got)
	}
	if got := (Pods{Sigma: .2, DF: 18}).Spread(0); got != 0 {
		t.Errorf("no quantile: got %v, want 0", got)
	}
}

package sequential

import (
	"math"
	"math/rand/v2"
	"testing"
)

func rateBlocks(r *rand.Rand, n int, ratio float64) []CountBlock {
	blocks := make([]CountBlock, n)
	for i := range blocks {
		// The traffic doubles on the way, which cancels.
		level := 100 * (1 + float64(i)/float64(n))
		blocks[i] = CountBlock{Nc: 5, Xc: poisson(r, 5*level*ratio), Nb: 95, Xb: poisson(r, 95*level)}
	}
	return blocks
}

func TestRateBand(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 14))
	for _, c := range []struct {
		ratio, delta float64
		want         bool
	}{{1, .2, false}, {1.15, .2, false}, {1 / 1.15, .2, false}, {1.5, .2, true}, {.6, .2, true}, {1.15, 0, true}, {1, 0, false}} {
		e := RateBand(nil, rateBlocks(r, 20, c.ratio), nil, c.delta)
		if got := last(e) > math.Log(100); got != c.want {
			t.Errorf("ratio %g in a band of %g: log E %.1f", c.ratio, c.delta, last(e))
		}
	}
	blocks := rateBlocks(r, 20, 1.5)
	exact, tempered := last(RateBand(nil, blocks, nil, .2)), last(RateBand(nil, blocks, []float64{50}, .2))
	if tempered > exact/20 {
		t.Errorf("φ = 50 left log E at %.1f of %.1f", tempered, exact)
	}
	// The two sides are those of Counts.
	sides := make([]float64, 2)
	for i, c := range []Counts{{}, {Side: NotWorse}} {
		for k := range blocks {
			blocks[k].A = []float64{1.2, 1 / 1.2}[i]
		}
		sides[i] = last(c.Evidence(nil, blocks, nil))
	}
	near(t, "two sides", exact, Mix(sides, nil), 1e-9)
	if e := RateBand(nil, []CountBlock{{}}, nil, .2); math.Abs(e[0]) > 1e-12 {
		t.Errorf("no weights: log E %g, want 0", e[0])
	}
}

// TestRateBandExpectation enumerates one block at the edges of the band and inside.
func TestRateBandExpectation(t *testing.T) {
	dst := make([]float64, 1)
	for _, ratio := range []float64{1 / 1.3, 1, 1.1, 1.3} {
		sum := 0.0
		for xc, p := range poissonLaw(4 * ratio) {
			for xb, q := range poissonLaw(12) {
				b := CountBlock{Nc: 1, Xc: float64(xc), Nb: 3, Xb: float64(xb)}
				sum += p * q * math.Exp(RateBand(dst, []CountBlock{b}, nil, .3)[0])
			}
		}
		if sum > 1+1e-9 {
			t.Errorf("ratio %g: expectation %g, want at most 1", ratio, sum)
		}
	}
}

func TestPredict(t *testing.T) {
	pi := Predict(0, 0, []float64{100, 100, math.NaN(), 100}, []float64{1, 0, 5, 0})
	lambda := math.Exp2(-.1)
	want := []float64{
		.5 / 100,
		(.5 + lambda) / (100 + 100*lambda),
		(.5 + lambda*lambda) / (100 + 100*(lambda+lambda*lambda)),
		(.5 + lambda*lambda*lambda) / (100 + 100*(lambda*lambda+lambda*lambda*lambda)),
	}
	for i := range want {
		near(t, "π", pi[i], want[i], 1e-12)
	}
	// The pre-period joins without a seam.
	n, x := []float64{50, 60, 70, 80}, []float64{1, 2, 0, 3}
	total, bad := Decay(n[:2], x[:2])
	near(t, "joined", Predict(total, bad, n[2:], x[2:])[1], Predict(0, 0, n, x)[3], 1e-12)
	if got := Predict(1e300, 0, ones(1), ones(1))[0]; got != leastRate {
		t.Errorf("nothing bad among very many: got %g, want %g", got, leastRate)
	}
	if got := Predict(0, 1e9, ones(1), ones(1))[0]; got != 1 {
		t.Errorf("more bad than there were: got %g, want 1", got)
	}
	if got := Predict(0, 0, ones(2), nil); len(got) != 2 {
		t.Errorf("x is short: got %v", got)
	}
}

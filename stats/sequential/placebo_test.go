package sequential

import (
	"math"
	"math/rand/v2"
	"testing"
)

// podCounts draws pods of equal load whose log rates differ by sd for good.
func podCounts(r *rand.Rand, pods, blocks int, perBlock, rate, sd float64) (n, x [][]float64) {
	n, x = grid2(pods, blocks), grid2(pods, blocks)
	for i := range n {
		mine := rate * math.Exp(sd*r.NormFloat64())
		for t := range blocks {
			n[i][t] = perBlock
			x[i][t] = poisson(r, perBlock*mine)
		}
	}
	return n, x
}

func TestPlaceboCounts(t *testing.T) {
	for _, c := range []struct {
		name           string
		pods           int
		perBlock, rate float64
		sd             float64
	}{
		{"alike", 20, 1000, .01, 0},
		{"alike, few events", 20, 100, .01, 0},
		{"different pods", 20, 1000, .05, .3},
		{"three pods", 3, 1000, .05, .3},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(2, 2))
			var phi, variance moments
			for range 60 {
				n, x := podCounts(r, c.pods, 60, c.perBlock, c.rate, c.sd)
				p := PlaceboCounts(n, x)
				if p.Pods != c.pods || p.Blocks != 60 || p.DF != float64(c.pods-1) {
					t.Fatalf("got %+v", p)
				}
				phi.add(p.Phi)
				variance.add(p.Pod * p.Pod)
			}
			if phi.mean < .9 || phi.mean > 1.4 {
				t.Errorf("φ0 of mere counting: %.2f, want near 1", phi.mean)
			}
			if got := math.Sqrt(variance.mean); math.Abs(got-c.sd) > .05 {
				t.Errorf("σ_pod: %.3f, want %.2f", got, c.sd)
			}
		})
	}
}

func TestPlaceboCountsGaps(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	n, x := podCounts(r, 6, 40, 500, .02, 0)
	whole := PlaceboCounts(n, x)
	// A seventh pod that was there for nine blocks is compared with nobody.
	n, x = append(n, nans(40)), append(x, nans(40))
	for t := range 9 {
		n[6][t], x[6][t] = 500, 400
	}
	n[0][3] = math.NaN()
	x[1][4] = math.NaN()
	got := PlaceboCounts(n, x)
	if got.Pods != 6 || got.Blocks != 40 {
		t.Errorf("got %+v, want 6 pods and 40 blocks", got)
	}
	if got.Pod > whole.Pod+.3 || math.IsNaN(got.Phi) {
		t.Errorf("got %+v, without the gaps %+v", got, whole)
	}
	for name, p := range map[string]CountPlacebo{
		"nothing":     PlaceboCounts(nil, nil),
		"one pod":     PlaceboCounts(n[:1], x[:1]),
		"short":       PlaceboCounts([][]float64{{1, 2}, {1, 2}}, [][]float64{{0, 0}, {0, 1}}),
		"mismatched":  PlaceboCounts(n, x[:1]),
		"only gaps":   PlaceboCounts([][]float64{nans(20), nans(20)}, [][]float64{nans(20), nans(20)}),
		"ragged rows": PlaceboCounts([][]float64{nans(20), {}}, [][]float64{{}, nans(3)}),
	} {
		if p.Phi != 0 || p.DF != 0 || math.IsNaN(p.Exceed) {
			t.Errorf("%s: got %+v, want no estimate", name, p)
		}
	}
	quiet := PlaceboCounts([][]float64{ones(20), ones(20)}, [][]float64{make([]float64, 20), make([]float64, 20)})
	if quiet.Phi != 0 || quiet.Pod != 0 || quiet.Exceed != 0 {
		t.Errorf("no events: got %+v", quiet)
	}
}

func nans(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	return out
}

func ones(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

func TestPlaceboSeries(t *testing.T) {
	for _, c := range []struct {
		name              string
		pods              int
		noise, rho, apart float64
		shift             float64 // makes values negative
	}{
		{"independent", 20, .06, 0, 0, 0},
		{"autocorrelated, different pods", 20, .06, .7, .2, 0},
		{"three pods", 3, .06, .5, .2, 0},
		{"two pods", 2, .06, .5, .2, 0},
		{"values below 0", 20, .06, .5, .2, -4},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(6, 6))
			w := world{rng: r}
			var variance, rho, pod moments
			for range 150 {
				v := grid2(c.pods, simBefore)
				for i := range v {
					mine, z := c.apart*r.NormFloat64(), w.ar1(c.rho, c.noise)
					for t := range v[i] {
						v[i][t] = math.Exp(mine + z[t])
						if c.shift != 0 {
							v[i][t] = mine + z[t] + c.shift
						}
					}
				}
				p := PlaceboSeries(v)
				if p.Pods != c.pods || p.Blocks != simBefore || p.Log != (c.shift == 0) {
					t.Fatalf("got %+v", p)
				}
				variance.add(p.Contrast(1, 2))
				rho.add(p.Rho)
				pod.add(p.Pod * p.Pod)
			}
			scale := math.Max(math.Abs(c.shift), 1)
			if want := 1.5 * c.noise * c.noise / scale / scale; variance.mean < .75*want || variance.mean > 1.1*want {
				t.Errorf("variance of one against two pods: %.5f, want near %.5f", variance.mean, want)
			}
			if math.Abs(rho.mean-c.rho) > .08 {
				t.Errorf("ρ0: %.2f, want %.2f", rho.mean, c.rho)
			}
			if got, want := math.Sqrt(pod.mean), c.apart/scale; math.Abs(got-want) > .15*want+.01 {
				t.Errorf("σ_pod: %.3f, want %.3f", got, want)
			}
		})
	}
}

func TestPlaceboSeriesEdges(t *testing.T) {
	flat := [][]float64{ones(20), ones(20), ones(20)}
	if p := PlaceboSeries(flat); p.Var != 0 || p.Pod != 0 || p.Skew != 0 || p.Scale != 1 || math.IsNaN(p.Rho) {
		t.Errorf("constant: got %+v", p)
	}
	zero := [][]float64{make([]float64, 20), make([]float64, 20)}
	if p := PlaceboSeries(zero); p.Log || p.Scale != 1 || p.Var != 0 {
		t.Errorf("all zero: got %+v", p)
	}
	if p := PlaceboSeries([][]float64{nans(20), ones(20)}); p.Pods != 0 || p.Contrast(1, 1) != 0 {
		t.Errorf("one pod: got %+v", p)
	}
	spiky := grid2(20, 60)
	for i := range spiky {
		spiky[i][3*i] = 50
	}
	if p := PlaceboSeries(spiky); p.Skew < 2 {
		t.Errorf("rare spikes: skewness %.1f, want above 2", p.Skew)
	}
	if p := (SeriesPlacebo{Var: 1, Pods: 3}); p.Contrast(0, 2) != 0 || p.Contrast(1, math.NaN()) != 0 {
		t.Error("a contrast of no pods has no variance")
	}
}

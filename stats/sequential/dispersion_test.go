package sequential

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// runningByDefinition recomputes φ̂ for every prefix from single blocks, as the
// formula says, without taking groups together.
func runningByDefinition(d Dispersion, blocks []CountBlock) []float64 {
	out := make([]float64, len(blocks))
	for t := range blocks {
		above, below := .5, .5
		for _, b := range blocks[:t+1] {
			above += b.Xc * b.Nb / (b.Nc + b.Nb)
			below += b.Xb * b.Nc / (b.Nc + b.Nb)
		}
		r := above / below
		phi := d.Floor
		for _, length := range lengths() {
			groups := (t + 1) / length
			if length > 1 && groups < 4 {
				continue
			}
			sum, df := 0.0, -1.0
			for g := range groups {
				var e, v float64
				for _, b := range blocks[g*length : (g+1)*length] {
					rho, m := b.Nc/(b.Nc+b.Nb), b.Xc+b.Xb
					p := rho * r / (rho*r + 1 - rho)
					e += b.Xc - m*p
					v += m * p * (1 - p)
				}
				if v > 1e-9 {
					sum += e * e / math.Max(v, .25)
					df++
				}
			}
			phi = math.Max(phi, (d.Nu0*d.Phi0+sum)/(d.Nu0+math.Max(df, 0)))
		}
		out[t] = phi
	}
	return out
}

func TestRunningAgreesWithItsDefinition(t *testing.T) {
	for name, bench := range map[string]struct {
		perBlock, rate float64
		constant       bool
		tolerance      float64
	}{
		"constant share, plenty": {6000, .2, true, 1e-9},
		"constant share, few":    {6000, .002, true, 1e-9},
		"constant share, rare":   {6000, .0001, true, 1e-9},
		"share varies":           {6000, .002, false, .05},
		"share varies, plenty":   {6000, .2, false, .03},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 5))
			for range 50 {
				effect := math.Exp(1.5 * r.NormFloat64())
				blocks := make([]CountBlock, 60)
				for i := range blocks {
					share := .05
					if !bench.constant {
						share = .05 * math.Exp(.3*r.NormFloat64())
					}
					noise := math.Exp(.3 * r.NormFloat64())
					nc, nb := share*bench.perBlock, (1-share)*bench.perBlock
					blocks[i] = CountBlock{Nc: nc, Nb: nb, Xc: poisson(r, nc*bench.rate*effect*noise), Xb: poisson(r, nb*bench.rate)}
				}
				d := Dispersion{Phi0: 1.4, Nu0: 30, Floor: .7}
				got, want := d.Running(nil, blocks), runningByDefinition(d, blocks)
				for i := range got {
					if math.Abs(got[i]/want[i]-1) > bench.tolerance {
						t.Fatalf("effect %.2f, prefix %d: got %.6f, want %.6f", effect, i+1, got[i], want[i])
					}
				}
			}
		})
	}
}

// TestRunningRecovers checks that φ̂ finds the dispersion that is there, with and
// without a regression, and autocorrelation that single blocks hide.
func TestRunningRecovers(t *testing.T) {
	run := func(effect, sd, rho float64) float64 {
		r := rand.New(rand.NewPCG(11, 11))
		var mean moments
		for range 100 {
			blocks := make([]CountBlock, 60)
			z := sd * r.NormFloat64()
			for i := range blocks {
				blocks[i] = CountBlock{Nc: 3000, Nb: 57000, Xc: poisson(r, 60*effect*math.Exp(z)), Xb: poisson(r, 1140)}
				z = rho*z + sd*math.Sqrt(1-rho*rho)*r.NormFloat64()
			}
			mean.add(last(Dispersion{Phi0: 1, Nu0: 10, Floor: .1}.Running(nil, blocks)))
		}
		return mean.mean
	}
	for name, c := range map[string]struct{ effect, sd, rho, low, high float64 }{
		"counting only":               {1, 0, 0, .9, 1.35},
		"twice as bad, counting only": {2, 0, 0, .9, 1.35},
		"noise of 30 %":               {1, .3, 0, 5, 8},
		"autocorrelated noise":        {1, .3, .8, 9, 17},
	} {
		if got := run(c.effect, c.sd, c.rho); got < c.low || got > c.high {
			t.Errorf("%s: φ̂ %.2f, want %.1f to %.1f", name, got, c.low, c.high)
		}
	}
}

func TestRunningDefaults(t *testing.T) {
	if got := (Dispersion{}).Running(nil, make([]CountBlock, 3)); got[0] != 1 || got[2] != 1 {
		t.Errorf("zero value, no data: got %v, want 1", got)
	}
	one := []CountBlock{{Nc: 300, Xc: 40, Nb: 5700, Xb: 10}}
	if got := (Dispersion{}).Running(nil, one)[0]; got != 1 {
		t.Errorf("zero value, one block: got %g, want 1", got)
	}
	if got := (Dispersion{Phi0: math.NaN(), Nu0: 10}).Running(nil, make([]CountBlock, 1))[0]; got != defaultPhi {
		t.Errorf("no pre-period: got %g, want %d", got, defaultPhi)
	}
	many := make([]CountBlock, 500)
	r := rand.New(rand.NewPCG(1, 9))
	for i := range many {
		many[i] = CountBlock{Nc: 50, Xc: poisson(r, 2), Nb: 950, Xb: poisson(r, 38)}
	}
	d := Dispersion{Phi0: 1, Nu0: 30, Floor: .1}
	got, want := last(d.Running(nil, many)), last(runningByDefinition(d, many))
	if math.Abs(got/want-1) > 1e-9 {
		t.Errorf("500 blocks: got %g, want %g", got, want)
	}
}

func TestRunningIsPrefixwise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		blocks := drawBlocks(t, 20)
		d := Dispersion{Phi0: 1.3, Nu0: 30}
		k := rapid.IntRange(1, 20).Draw(t, "prefix")
		if got, want := last(d.Running(nil, blocks[:k])), d.Running(nil, blocks)[k-1]; got != want {
			t.Fatalf("prefix %d alone %g, within %g", k, got, want)
		}
	})
}

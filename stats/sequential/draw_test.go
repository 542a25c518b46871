package sequential

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// poisson draws from a Poisson distribution.
func poisson(r *rand.Rand, mean float64) float64 {
	if mean <= 0 {
		return 0
	}
	return distuv.Poisson{Lambda: mean, Src: r}.Rand()
}

// binomial draws from a binomial distribution: exactly where little is expected,
// else by a rounded normal, which is close enough for what these tests assert.
func binomial(r *rand.Rand, n, p float64) float64 {
	if p <= 0 || n <= 0 {
		return 0
	}
	if p > .5 {
		return n - binomial(r, n, 1-p)
	}
	if n*p < 20 {
		// Waiting times between successes are geometric.
		hits, at := 0., 0.
		log := math.Log1p(-p)
		for {
			at += math.Floor(math.Log(1-r.Float64())/log) + 1
			if at > n {
				return hits
			}
			hits++
		}
	}
	x := math.Round(n*p + math.Sqrt(n*p*(1-p))*r.NormFloat64())
	return math.Min(math.Max(x, 0), n)
}

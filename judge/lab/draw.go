package lab

import (
	"math"
	"math/rand/v2"
)

// drawer draws from the distributions that the generator needs. The samplers are
// exact up to rounding, except where they say otherwise.
type drawer struct{ *rand.Rand }

// newDrawer returns the drawer of one run. The two words of the generator's state
// are mixed, so that neighbouring runs begin far apart.
func newDrawer(seed, run uint64) drawer {
	a := mixWord(seed)
	b := mixWord(a ^ run)
	return drawer{rand.New(rand.NewPCG(b, mixWord(a+b)))}
}

// mixWord is the output function of SplitMix64 (Steele, Lea & Flood 2014).
func mixWord(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// between returns an integer in [low, high).
func (d drawer) between(low, high int) int { return low + d.IntN(high-low) }

// smallMean is the mean below which counting is faster than rejection.
const smallMean = 10

// poisson returns a Poisson count. Small means multiply uniforms (Knuth); large
// ones use transformed rejection (Hörmann 1993, The transformed rejection method
// for generating Poisson random variables, algorithm PTRS).
func (d drawer) poisson(mean float64) float64 {
	switch {
	case !(mean > 0):
		return 0
	case mean < smallMean:
		k, p, limit := 0.0, d.Float64(), math.Exp(-mean)
		for p > limit {
			k++
			p *= d.Float64()
		}
		return k
	}
	b := 0.931 + 2.53*math.Sqrt(mean)
	a := -0.059 + 0.02483*b
	inverse := math.Log(1.1239 + 1.1328/(b-3.4))
	squeeze := 0.9277 - 3.6224/(b-2)
	for {
		u, v := d.Float64()-0.5, d.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + mean + 0.43)
		if us >= 0.07 && v <= squeeze {
			return k
		}
		if k < 0 || (us < 0.013 && v > us) {
			continue
		}
		fact, _ := math.Lgamma(k + 1)
		if math.Log(v)+inverse-math.Log(a/(us*us)+b) <= k*math.Log(mean)-mean-fact {
			return k
		}
	}
}

// binomial returns how many of n succeed with probability p each.
func (d drawer) binomial(n, p float64) float64 {
	switch {
	case n <= 0 || !(p > 0):
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - d.binomial(n, 1-p)
	case n*p < smallMean:
		return d.binomialByGaps(n, p)
	}
	return d.binomialByRejection(n, p)
}

// binomialByGaps jumps from success to success: the gaps are geometric (Devroye
// 1986, chapter X.4).
func (d drawer) binomialByGaps(n, p float64) float64 {
	scale := 1 / math.Log1p(-p)
	k, at := 0.0, 0.0
	for {
		at += math.Floor(-d.ExpFloat64()*scale) + 1
		if at > n {
			return k
		}
		k++
	}
}

// binomialByRejection is transformed rejection (Hörmann 1993, The generation of
// binomial random variates, algorithm BTRS), for n·p >= 10 and p <= ½.
func (d drawer) binomialByRejection(n, p float64) float64 {
	spread := math.Sqrt(n * p * (1 - p))
	b := 1.15 + 2.53*spread
	a := -0.0873 + 0.0248*b + 0.01*p
	c := n*p + 0.5
	squeeze := 0.92 - 4.2/b
	alpha := (2.83 + 5.1/b) * spread
	odds := p / (1 - p)
	mode := math.Floor((n + 1) * p)
	for {
		u, v := d.Float64()-0.5, d.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + c)
		if us >= 0.07 && v <= squeeze {
			return k
		}
		if k < 0 || k > n {
			continue
		}
		v = math.Log(v * alpha / (a/(us*us) + b))
		bound := (mode+0.5)*math.Log((mode+1)/(odds*(n-mode+1))) + (n+1)*math.Log((n-mode+1)/(n-k+1)) +
			(k+0.5)*math.Log(odds*(n-k+1)/(k+1)) + stirling(mode) + stirling(n-mode) - stirling(k) - stirling(n-k)
		if v <= bound {
			return k
		}
	}
}

// stirling is what Stirling's formula leaves of log k!.
func stirling(k float64) float64 {
	if k < 10 {
		exact, _ := math.Lgamma(k + 1)
		return exact - ((k+0.5)*math.Log(k+1) - (k + 1) + 0.5*math.Log(2*math.Pi))
	}
	x := k + 1
	return (1.0/12 - (1.0/360-1.0/1260/(x*x))/(x*x)) / x
}

// gamma returns a gamma variate with scale 1 (Marsaglia & Tsang 2000, A simple
// method for generating gamma variables).
func (d drawer) gamma(shape float64) float64 {
	if shape < 1 {
		return d.gamma(shape+1) * math.Pow(1-d.Float64(), 1/shape)
	}
	a := shape - 1.0/3
	c := 1 / math.Sqrt(9*a)
	for {
		x := d.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v *= v * v
		u := 1 - d.Float64()
		if math.Log(u) < 0.5*x*x+a*(1-v+math.Log(v)) {
			return a * v
		}
	}
}

// overdispersed returns a negative binomial count whose variance is phi times its
// mean; with phi <= 1 it is Poisson.
func (d drawer) overdispersed(mean, phi float64) float64 {
	if phi <= 1 {
		return d.poisson(mean)
	}
	if !(mean > 0) {
		return 0
	}
	return d.poisson(d.gamma(mean/(phi-1)) * (phi - 1))
}

// wander fills dst with a stationary AR(1) series of the given standard deviation.
func (d drawer) wander(dst []float64, memory, sd float64) {
	if sd == 0 {
		clear(dst)
		return
	}
	step := sd * math.Sqrt(1-memory*memory)
	for t := range dst {
		if t == 0 {
			dst[t] = sd * d.NormFloat64()
			continue
		}
		dst[t] = memory*dst[t-1] + step*d.NormFloat64()
	}
}

// shares fills dst with a Dirichlet vector of equal concentration.
func (d drawer) shares(dst []float64, concentration float64) {
	var sum float64
	for i := range dst {
		dst[i] = d.gamma(concentration)
		sum += dst[i]
	}
	for i := range dst {
		dst[i] /= sum
	}
}

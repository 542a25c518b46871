package aca

import "math"

// Noise gives standard normal numbers. It is used where both sides of a metric are
// constant, to break the ties that would leave the test without a variance.
type Noise interface {
	// NextGaussian returns the next number.
	NextGaussian() float64
}

// DefaultSeed is the seed of the noise of a [Judge] that was given none.
const DefaultSeed = 1

// JavaRandom is java.util.Random as its documentation specifies it: a linear
// congruential generator of 48 bits (Knuth, The Art of Computer Programming 2, §3.2.1)
// and the polar method for normal numbers (ibid. §3.4.1). Kayenta draws its noise from
// it, so a run with a known seed can be compared number by number. It is not safe for
// concurrent use.
type JavaRandom struct {
	state int64
	spare float64
	has   bool
}

const (
	javaMultiplier = 0x5DEECE66D
	javaMask       = 1<<48 - 1
)

// NewJavaRandom returns the generator that starts at a seed.
func NewJavaRandom(seed int64) *JavaRandom {
	return &JavaRandom{state: (seed ^ javaMultiplier) & javaMask}
}

// next returns the highest bits of the next state, at most 31 of them.
func (r *JavaRandom) next(bits uint) int64 {
	r.state = (r.state*javaMultiplier + 0xB) & javaMask
	return r.state >> (48 - bits)
}

// uniform returns a number in [0, 1) with 53 random bits.
func (r *JavaRandom) uniform() float64 {
	return float64(r.next(26)<<27+r.next(27)) / (1 << 53)
}

// NextGaussian returns a standard normal number.
func (r *JavaRandom) NextGaussian() float64 {
	if r.has {
		r.has = false
		return r.spare
	}
	for {
		u, v := 2*r.uniform()-1, 2*r.uniform()-1
		s := float64(u*u) + float64(v*v)
		if s >= 1 || s == 0 {
			continue
		}
		k := math.Sqrt(-2 * math.Log(s) / s)
		r.spare, r.has = v*k, true
		return u * k
	}
}

// normal returns n numbers of mean m and standard deviation sd. A standard deviation
// of zero draws nothing.
func normal(noise Noise, m, sd float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = m
		if sd != 0 {
			out[i] += float64(sd * noise.NextGaussian())
		}
	}
	return out
}

// addNoise returns the values with normal noise of mean m and standard deviation sd.
func addNoise(noise Noise, values []float64, m, sd float64) []float64 {
	out := normal(noise, m, sd, len(values))
	for i, v := range values {
		out[i] += v
	}
	return out
}

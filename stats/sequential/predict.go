package sequential

import "math"

// Half-life of the predicted rate, in blocks, and the pseudo-counts that keep it
// positive before anything has been seen.
const (
	halfLife     = 10
	priorBad     = .5
	priorTotal   = 100
	greatestRate = 1
)

// fade is the weight that a block loses with each block after it.
func fade() float64 { return math.Exp2(-1.0 / halfLife) }

// Predict returns the baseline rate π_t expected in each block from what came
// before it:
//
//	π_t = (½ + Σ_{s<t} λ^(t-s)·xb_s) / (100 + Σ_{s<t} λ^(t-s)·nb_s),  λ = 2^(-1/10)
//
// clipped to [1e-12, 1]. total and bad are the decayed sums at the end of the
// pre-period ([Decay]); 0 if there was none. A block that is NaN, infinite or
// negative only lets the past fade. The e-process is valid whatever π is, as long
// as it does not depend on its own block or later ones; a good π makes it powerful.
func Predict(total, bad float64, nb, xb []float64) []float64 {
	pi := make([]float64, len(nb))
	lambda := fade()
	for t := range nb {
		pi[t] = math.Min(math.Max((priorBad+bad)/(priorTotal+total), leastRate), greatestRate)
		if t < len(xb) {
			total, bad = decay(total, bad, nb[t], xb[t])
		}
		total, bad = lambda*total, lambda*bad
	}
	return pi
}

// Decay returns Σ λ^(T-t)·n_t and Σ λ^(T-t)·x_t over t = 0…T-1, λ = 2^(-1/10):
// what [Predict] needs of the pre-period.
func Decay(n, x []float64) (total, bad float64) {
	lambda := fade()
	for t := range n {
		if t < len(x) {
			total, bad = decay(total, bad, n[t], x[t])
		}
		total, bad = lambda*total, lambda*bad
	}
	return total, bad
}

// decay adds a block to the sums unless it is a gap.
func decay(total, bad, n, x float64) (float64, float64) {
	if !atLeast0(n) || !atLeast0(x) {
		return total, bad
	}
	return total + n, bad + x
}

package sequential

import "math"

// RateBand writes the natural log of the evidence that the canary's rate of
// requests, per unit of declared weight, is outside [1/(1+δ), 1+δ] times the
// baseline's, after each prefix: two one-sided processes of weight ½ each. Nc and
// Nb of a block hold the declared weights of the arms, Xc and Xb their requests; A
// and Pi are not used. It is the test for a sample ratio mismatch with δ = 0
// (Lindon & Malek 2022: a rate common to both arms cancels, however it varies).
//
// φ̂ of requests is typically 5 to 500; without it (phi nil) every load balancer
// fails.
func RateBand(dst []float64, blocks []CountBlock, phi []float64, delta float64) []float64 {
	dst = resize(dst, len(blocks))
	limit := 1 + math.Max(delta, 0)
	standard := defaultGrid()
	var rooms [2]mixtureRoom
	var tilts [2][8]tilt
	sides := [2]Counts{{Side: Worse}, {Side: NotWorse}}
	ends := [2]float64{limit, 1 / limit}
	var mixtures [2]mixture
	var alternatives [2][]tilt
	for i, c := range sides {
		mixtures[i] = newMixture(&rooms[i], len(standard), false)
		alternatives[i] = c.tilts(tilts[i][:0], standard[:])
	}
	for t, b := range blocks {
		dst[t] = math.Inf(-1)
		for i, c := range sides {
			b.A = ends[i]
			c.add(mixtures[i].sums, b, alternatives[i])
			dst[t] = logAdd(dst[t], mixtures[i].value(temper(phi, t))-math.Ln2)
		}
	}
	return dst
}

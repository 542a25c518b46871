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
	var above, below [len(standard)]float64
	var room [2][len(standard)]tilt
	worse, notWorse := Counts{}, Counts{Side: NotWorse}
	up := worse.tilts(room[0][:0], standard[:])
	down := notWorse.tilts(room[1][:0], standard[:])
	for t, b := range blocks {
		if b.counted() {
			b.A = limit
			addConditional(above[:], &b, up)
			b.A = 1 / limit
			addConditional(below[:], &b, down)
		}
		inv := temper(phi, t)
		dst[t] = logAdd(logMean(above[:], inv), logMean(below[:], inv)) - math.Ln2
	}
	return dst
}

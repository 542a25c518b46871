package sequential

// Side says which claim evidence is gathered for.
type Side int

// The sides.
const (
	Worse    Side = iota // rollback; null: p_c <= A·p_b + D
	NotWorse             // promote; null: p_c >= A·p_b + D
)

// CountBlock is one closed block of paired counts. A block with Nc==0 or Nb==0
// contributes factor 1.
type CountBlock struct {
	Nc, Xc float64 // canary: exposure and bad among them
	Nb, Xb float64 // baseline
	A      float64 // multiplicative part of the null in this block
	Pi     float64 // predicted baseline rate, from earlier blocks only; used only where D != 0
}

// Counts is the block e-process for paired counts.
type Counts struct {
	Side     Side
	D        float64
	Grid     []float64
	Restarts bool
	// Lower: the counted events are good, so worse is lower; null (Worse side)
	// p_c >= A·p_b - D with A = 1-δ.
	Lower bool
	// Failures, with Lower: the blocks count failures (N - successes) while A and D
	// still speak of successes. Better whenever successes are more than half.
	Failures bool
}

// DefaultGrid returns the distances .08 … 2.56.
func DefaultGrid() []float64 { return []float64{.08, .16, .32, .64, 1.28, 2.56} }

// Evidence writes natural log E after each prefix; phi nil means 1.
func (c Counts) Evidence(dst []float64, blocks []CountBlock, phi []float64) []float64 {
	panic("skeleton")
}

// Predict returns π_t for each block.
func Predict(total, bad float64, nb, xb []float64) []float64 { panic("skeleton") }

// Decay returns the decayed sums at the end of a series.
func Decay(n, x []float64) (total, bad float64) { panic("skeleton") }

// Dispersion is the running φ̂.
type Dispersion struct{ Phi0, Nu0, Floor float64 }

// Running writes φ̂ after each prefix.
func (d Dispersion) Running(dst []float64, blocks []CountBlock) []float64 { panic("skeleton") }

// CountPlacebo is what pods say of a count stream. Pods < 2 or Blocks == 0: no estimate.
type CountPlacebo struct {
	Phi, Pod, DF, Exceed float64
	Blocks, Pods         int
}

// PlaceboCounts compares every pod with the rest.
func PlaceboCounts(n, x [][]float64) CountPlacebo { panic("skeleton") }

// SeriesPlacebo is what pods say of a gauge.
type SeriesPlacebo struct {
	Var, Rho, Pod, DF, Scale, Skew float64
	Log                            bool
	Blocks, Pods                   int
}

// Contrast is the prior variance of a contrast of kc against kb pods.
func (p SeriesPlacebo) Contrast(kc, kb float64) float64 { panic("skeleton") }

// PlaceboSeries compares every pod with the mean of the rest.
func PlaceboSeries(v [][]float64) SeriesPlacebo { panic("skeleton") }

// Pods is the allowance for persistent differences between pods. DF 0: not
// estimated, Default is used; DF < 5: max(Sigma, Default) and a t quantile.
type Pods struct{ Sigma, DF, Default float64 }

// RollbackMargin is max(logTolerance, z·σ·√(1/kc+1/kb)).
func (p Pods) RollbackMargin(logTolerance, kc, kb, z float64) float64 { panic("skeleton") }

// PromoteMargin is logMargin − z·σ·√(1/kc+1/kb).
func (p Pods) PromoteMargin(logMargin, kc, kb, z float64) float64 { panic("skeleton") }

// PodsNeeded is the smallest k_c with a positive promote margin; 0 = none.
func (p Pods) PodsNeeded(logMargin, kb, z float64) int { panic("skeleton") }

// EffectivePods is (Σn)²/Σn².
func EffectivePods(n []float64) float64 { panic("skeleton") }

// Series is the one-sided t e-process. Tau 0 means 1.
type Series struct {
	Tau, Var, Nu0, Rho, RhoWeight float64
	Restarts                      bool
}

// Evidence returns natural log E per prefix. NaN in y is a gap; d nil means y.
func (s Series) Evidence(dst, y, d []float64) []float64 { panic("skeleton") }

// Interval is a confidence sequence for the mean of d.
func (s Series) Interval(d []float64, alpha float64) (low, high float64) { panic("skeleton") }

// TEvidence is natural log E of the one-sided t mixture.
func TEvidence(n, t, nu, tau float64) float64 { panic("skeleton") }

// ShiftRatio returns r0_k = S(x_k/(1+δ))/S(x_k), interpolated.
func ShiftRatio(dst, bounds, exceed []float64, delta float64) []float64 { panic("skeleton") }

// PromoteRatio returns S(x_j)/S(x_k); 1 where the bound cannot certify.
func PromoteRatio(dst, bounds, exceed []float64, delta float64) []float64 { panic("skeleton") }

// HistogramGrid returns the alternatives for bound k.
func HistogramGrid(bounds, exceed []float64, delta float64, k int, side Side) []float64 {
	panic("skeleton")
}

// RatioInterval is a confidence sequence of p_c/p_b; 0 and +Inf where unbounded.
func RatioInterval(blocks []CountBlock, phi, alphaLow, alphaHigh float64) (low, high float64) {
	panic("skeleton")
}

// DifferenceInterval is a confidence sequence of p_c − p_b; ∓Inf where unbounded. Uses Pi.
func DifferenceInterval(blocks []CountBlock, phi, alphaLow, alphaHigh float64) (low, high float64) {
	panic("skeleton")
}

// Mix returns log Σ w_i E_i.
func Mix(logE, weights []float64) float64 { panic("skeleton") }

// Holm returns adjusted log E; weights nil means equal.
func Holm(logE, weights []float64) []float64 { panic("skeleton") }

// BH returns the indices, ascending, that e-BH rejects.
func BH(logE []float64, alpha float64) []int { panic("skeleton") }

// RateBand is evidence that the rate ratio left [1/(1+δ), 1+δ]: Nc, Nb hold the
// declared weights, Xc, Xb the requests; A and Pi are not used.
func RateBand(dst []float64, blocks []CountBlock, phi []float64, delta float64) []float64 {
	panic("skeleton")
}

// HorizonThreshold is the threshold on E for at most so many looks.
func HorizonThreshold(alpha float64, looks int) float64 { panic("skeleton") }

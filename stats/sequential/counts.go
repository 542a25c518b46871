package sequential

import "math"

// Side says which claim evidence is gathered for. The zero value is [Worse]; a
// process that gathers nothing has evidence 1 (log 0) on either side.
type Side int

// The sides.
const (
	// Worse gathers evidence that the canary is worse than its tolerance (the
	// rollback side). Its null is p_c <= A·p_b + D.
	Worse Side = iota
	// NotWorse gathers evidence that the canary is better than its margin (the
	// promote side). Its null is p_c >= A·p_b + D.
	NotWorse
)

// String returns the side's word.
func (s Side) String() string {
	if s == Worse {
		return "worse"
	}
	return "not worse"
}

// CountBlock is one closed block of paired counts. Counts and exposures are at
// least 0, finite, and need not be integers. A block that cannot be compared
// (an exposure that is not positive, an A that is not positive, anything that is
// not finite) contributes the factor 1.
type CountBlock struct {
	Nc, Xc float64 // canary: exposure (requests, or seconds times share), and the counted events among them
	Nb, Xb float64 // baseline
	// A is the multiplicative part of the null in this block: 1+δ, or what the
	// allowance for pods makes of it, which may change with the number of pods.
	A float64
	// Pi is the baseline rate predicted from earlier blocks alone (see [Predict]).
	// It is used only where the additive part of the null is not 0; there it is
	// raised to 1e-12 if it is less.
	Pi float64
}

// Counts is the block-wise Poisson RIPr e-process for a linear null.
//
// Given its exposures, block t has counts Xc and Xb with rates p_c and p_b that
// may change from block to block. For each distance g of the grid the alternative
// is (c*, π) with c* = (Aπ+D)·e^g on side [Worse] and (Aπ+D)·e^-g on side
// [NotWorse]. With (c°, q) its reverse information projection on the line
// p_c = A·p_b + D,
//
//	log e_t(g) = -Nc(c*-c°) - Nb(π-q) + Xc·log(c*/c°) + Xb·log(π/q)
//
// has E[exp log e_t] <= 1 for every (p_c, p_b) in the null, for Poisson and for
// binomial counts: the exponent of the Poisson expectation is minus a directional
// derivative of a convex function at its minimiser over a convex set, and a
// binomial's generating function is below the Poisson's. The products over blocks
// are averaged over the grid with equal weights.
//
// With D = 0 the exposures cancel, π is not needed, and the factor is the
// likelihood ratio of Xc given Xc+Xb, a binomial with odds A·Nc/Nb.
//
// Sources: Grünwald, de Heide & Koolen 2024, Safe testing; Turner, Ly & Grünwald
// 2024, Generic E-variables for exact sequential k-sample tests; Lindon & Malek
// 2022, Anytime-valid inference for multinomial count data (D = 0).
type Counts struct {
	Side Side
	// D is the additive part of the null on the scale of the rates, at least 0.
	D float64
	// Grid holds the distances g > 0 of the alternatives from the null, on the log
	// scale; nil means [DefaultGrid].
	Grid []float64
	// Restarts spreads half of the mass over processes that start after 5, 10, 15…
	// blocks, the j-th with weight ½/(j(j+1)), so that a regression that begins late
	// need not first outweigh the healthy blocks before it. Mass that has not
	// started counts as 1, so the price is log 2 for what is there from the start
	// and log 2j(j+1) for what begins at block 5j.
	Restarts bool
	// Lower says that worse is lower: the counted events are good ones. The null of
	// side Worse is then p_c >= A·p_b - D and that of NotWorse p_c <= A·p_b - D, with
	// A = 1-δ.
	Lower bool
	// Failures, together with Lower, says that the blocks count the failures (N
	// minus the good events) while A and D still speak of the good ones:
	// p_c >= A·p_b - D is f_c <= A·f_b + (1-A+D). Use it where more than half of
	// the events are good: near 1 the good events say almost nothing on the log
	// scale. Pi, dispersion and placebos are then those of the failures.
	Failures bool
}

// defaultGrid is an array, so that no slice of it can be changed.
func defaultGrid() [6]float64 { return [6]float64{.08, .16, .32, .64, 1.28, 2.56} }

// DefaultGrid returns the distances 0.08, 0.16, 0.32, 0.64, 1.28, 2.56: ratios of
// 1.08 to 13 beyond the null.
func DefaultGrid() []float64 {
	g := defaultGrid()
	return g[:]
}

// Evidence writes the natural log of E after each prefix of blocks to dst, which
// is grown as needed, and returns it; its length is that of blocks. It allocates
// nothing if dst is long enough and there are at most 8 distances and 300 blocks.
//
// phi[t] tempers prefix t: the log likelihood ratios are divided by it before they
// are mixed, which is how overdispersion is paid for (see [Dispersion]). nil means
// 1, the exact process. With exact blocks E is an e-process: P(E ever >= 1/α) <= α
// under the null, whenever and however often it is looked at (Ville 1939); with an
// estimated φ that level is approximate. A value of phi that is not positive makes
// E 1; past its end the last value holds.
//
// The result is finite, or -Inf after evidence beyond the range of float64; it is
// never NaN or +Inf for finite counts.
func (c Counts) Evidence(dst []float64, blocks []CountBlock, phi []float64) []float64 {
	dst = resize(dst, len(blocks))
	c.each(blocks, phi, func(t int, factor, exponent float64) { dst[t] = math.Log(factor) + exponent })
	return dst
}

// each tells what E is after each prefix, as factor·e^exponent; the exponent is 0
// unless E is beyond the range of a sum.
func (c *Counts) each(blocks []CountBlock, phi []float64, tell func(t int, factor, exponent float64)) {
	standard := defaultGrid()
	grid := c.Grid
	if grid == nil {
		grid = standard[:]
	}
	var m mixture
	m.begin(len(grid), c.Restarts)
	var room [8]tilt
	alternatives := c.tilts(room[:0], grid)
	for t := range blocks {
		m.before(t)
		c.add(m.current(), &blocks[t], alternatives)
		factor, exponent := m.value(temper(phi, t))
		tell(t, factor, exponent)
	}
}

// temper returns 1/φ for prefix t.
func temper(phi []float64, t int) float64 {
	if len(phi) == 0 {
		return 1
	}
	v := phi[min(t, len(phi)-1)]
	if !(v > 0) {
		return 0
	}
	return 1 / v
}

// tilt is one alternative: e^g and g with the sign of the side.
type tilt struct {
	g    float64 // log distance, negative where the alternative is below the null
	exp  float64 // e^g
	less float64 // e^g - 1
}

// tilts turns distances into signed alternatives.
func (c *Counts) tilts(dst []tilt, grid []float64) []tilt {
	sign := 1.0
	if !c.upward() {
		sign = -1
	}
	for _, g := range grid {
		g *= sign
		dst = append(dst, tilt{g: g, exp: math.Exp(g), less: math.Expm1(g)})
	}
	return dst
}

// upward reports whether the alternatives lie above the null: p_c too large.
func (c *Counts) upward() bool {
	up := c.Side == Worse
	if c.Lower && !c.Failures {
		up = !up
	}
	return up
}

// line returns the null's boundary p_c = a·p_b + d in this block.
func (c *Counts) line(b *CountBlock) (a, d float64) {
	switch {
	case c.Lower && c.Failures:
		return b.A, 1 - b.A + c.D
	case c.Lower:
		return b.A, -c.D
	}
	return b.A, c.D
}

// add adds the block's log e-values to sums, one for each alternative.
func (c *Counts) add(sums []float64, b *CountBlock, alternatives []tilt) {
	if !b.counted() || !positive(b.A) {
		return
	}
	a, d := c.line(b)
	if d == 0 {
		addConditional(sums, b, alternatives)
		return
	}
	p := projector{b: *b, a: a, d: d}
	p.add(sums, alternatives, c.upward())
}

// counted reports whether the block has exposure in both arms and proper counts.
func (b *CountBlock) counted() bool {
	return positive(b.Nc) && positive(b.Nb) && atLeast0(b.Xc) && atLeast0(b.Xb)
}

// share returns the canary's part of the block's exposure.
func (b *CountBlock) share() float64 { return 1 / (1 + b.Nb/b.Nc) }

func positive(x float64) bool { return x > 0 && x <= math.MaxFloat64 }

func atLeast0(x float64) bool { return x >= 0 && x <= math.MaxFloat64 }

// resize returns a slice of length n that reuses dst's memory where it can.
func resize(dst []float64, n int) []float64 {
	if cap(dst) < n {
		return make([]float64, n)
	}
	return dst[:n]
}

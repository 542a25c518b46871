package stats

import (
	"fmt"
	"math"
)

// UnconditionalTest is the result of Barnard or Boschloo.
type UnconditionalTest struct {
	// Statistic is Barnard's pooled z, or Boschloo's Fisher p-value (of the smaller side
	// where two-sided).
	Statistic float64
	P         float64
	// Nuisance is the common proportion at which P is reached.
	Nuisance float64
}

// unconditionalTables bounds the 2×2 tables that an unconditional test looks at.
const unconditionalTables = 1_000_000

// Barnard is Barnard's unconditional exact test: the largest probability, over the
// common proportion π, of a table whose pooled score statistic
// z = (p̂c-p̂b)/√(p̂(1-p̂)(1/Nc+1/Nb)) is at least as extreme. It returns ErrOptions,
// ErrTooFew, or ErrTooLarge above a million tables, where ScoreTest does as well.
//
// Sources: Barnard 1945; Suissa & Shuster 1985, Exact unconditional sample sizes for
// the 2×2 binomial trial.
func Barnard(p Proportions, alt Alternative) (UnconditionalTest, error) {
	if err := p.checkUnconditional(alt); err != nil {
		return UnconditionalTest{}, err
	}
	observed := p.pooledZ()
	slack := 1e-10 * math.Max(1, math.Abs(observed))
	r := newRegion(p, func(t Proportions) bool {
		z := t.pooledZ()
		switch alt {
		case Greater:
			return z >= observed-slack
		case Less:
			return z <= observed+slack
		}
		return math.Abs(z) >= math.Abs(observed)-slack
	})
	out := UnconditionalTest{Statistic: observed}
	out.P, out.Nuisance = r.supremum()
	return out, nil
}

// Boschloo is Boschloo's test: Barnard's with Fisher's one-sided p-value as the
// statistic. It is at least as powerful as Fisher's test at the same level; two-sided
// it is twice the smaller side. Errors are those of Barnard.
//
// Source: Boschloo 1970, Raised conditional level of significance for the 2×2-table.
func Boschloo(p Proportions, alt Alternative) (UnconditionalTest, error) {
	if err := p.checkUnconditional(alt); err != nil {
		return UnconditionalTest{}, err
	}
	if alt != TwoSided {
		return p.boschlooSide(alt), nil
	}
	less, greater := p.boschlooSide(Less), p.boschlooSide(Greater)
	out := less
	if greater.P < less.P {
		out = greater
	}
	out.P = unit(2 * out.P)
	return out, nil
}

func (p Proportions) boschlooSide(alt Alternative) UnconditionalTest {
	tails := p.fisherTails(alt)
	observed := tails[p.Xc][p.Xb]
	r := newRegion(p, func(t Proportions) bool { return tails[t.Xc][t.Xb] <= observed*(1+1e-10) })
	out := UnconditionalTest{Statistic: observed}
	out.P, out.Nuisance = r.supremum()
	return out
}

func (p Proportions) checkUnconditional(alt Alternative) error {
	if err := p.check(); err != nil {
		return err
	}
	if float64(p.Nc+1)*float64(p.Nb+1) > unconditionalTables {
		return fmt.Errorf("%d by %d tables, use ScoreTest: %w", p.Nc+1, p.Nb+1, ErrTooLarge)
	}
	return checkAlternative(alt)
}

// pooledZ is the score statistic of equal proportions, 0 where nothing varies.
func (p Proportions) pooledZ() float64 {
	xc, nc, xb, nb := p.floats()
	pooled := (xc + xb) / (nc + nb)
	variance := pooled * (1 - pooled) * (1/nc + 1/nb)
	if variance <= 0 {
		return 0
	}
	return (xc/nc - xb/nb) / math.Sqrt(variance)
}

// fisherTails returns Fisher's one-sided p-value of every table, [xc][xb].
func (p Proportions) fisherTails(alt Alternative) [][]float64 {
	tails := make([][]float64, p.Nc+1)
	for i := range tails {
		tails[i] = make([]float64, p.Nb+1)
	}
	for events := 0; events <= p.Nc+p.Nb; events++ {
		h := newHypergeometric(Proportions{Nc: p.Nc, Nb: p.Nb, Xc: events})
		w := h.weights(1)
		var tail float64
		for i := range w {
			k := i
			if alt == Greater {
				k = len(w) - 1 - i
			}
			tail += w[k]
			tails[h.least+k][events-h.least-k] = unit(tail)
		}
	}
	return tails
}

// region is a set of tables: for each xc the runs of xb that are in it.
type region struct {
	p    Proportions
	runs [][]span
}

type span struct{ from, to int } // to is not included

func newRegion(p Proportions, in func(Proportions) bool) region {
	r := region{p: p, runs: make([][]span, p.Nc+1)}
	t := p
	for t.Xc = 0; t.Xc <= p.Nc; t.Xc++ {
		start := -1
		for t.Xb = 0; t.Xb <= p.Nb+1; t.Xb++ {
			inside := t.Xb <= p.Nb && in(t)
			switch {
			case inside && start < 0:
				start = t.Xb
			case !inside && start >= 0:
				r.runs[t.Xc] = append(r.runs[t.Xc], span{start, t.Xb})
				start = -1
			}
		}
	}
	return r
}

// probability returns the probability of the region at a common proportion.
func (r region) probability(share float64) float64 {
	wc, wb := binomialWeights(r.p.Nc, share), binomialWeights(r.p.Nb, share)
	// Sums from the left and from the right: each run takes the side that is smaller.
	left, right := make([]float64, len(wb)+1), make([]float64, len(wb)+1)
	for i, v := range wb {
		left[i+1] = left[i] + v
	}
	for i := len(wb) - 1; i >= 0; i-- {
		right[i] = right[i+1] + wb[i]
	}
	var p float64
	for i, runs := range r.runs {
		for _, s := range runs {
			inside := left[s.to] - left[s.from]
			if left[s.from] > .5 {
				inside = right[s.from] - right[s.to]
			}
			p += wc[i] * inside
		}
	}
	return unit(p)
}

// supremum maximises the probability over the proportion: on a grid that is finer
// towards 0 and 1, then by golden sections around its three best points.
func (r region) supremum() (p, share float64) {
	const points = 1000
	at := func(i int) float64 { // sin² is dense at both ends
		s := math.Sin(math.Pi / 2 * float64(i) / points)
		return s * s
	}
	var values [points + 1]float64
	for i := range values {
		values[i] = r.probability(at(i))
	}
	taken := [points + 1]bool{}
	for range 3 {
		best := -1
		for i, v := range values {
			peak := (i == 0 || values[i-1] <= v) && (i == points || values[i+1] <= v)
			if peak && !taken[i] && (best < 0 || v > values[best]) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		taken[best] = true
		q, s := r.golden(at(max(best-1, 0)), at(min(best+1, points)))
		if values[best] > q {
			q, s = values[best], at(best)
		}
		if q > p {
			p, share = q, s
		}
	}
	return p, share
}

// golden maximises the probability inside an interval by golden sections.
func (r region) golden(low, high float64) (p, share float64) {
	const section = 0.6180339887498949
	a, b := high-section*(high-low), low+section*(high-low)
	fa, fb := r.probability(a), r.probability(b)
	for range 40 {
		if fa > fb {
			high, b, fb = b, a, fa
			a = high - section*(high-low)
			fa = r.probability(a)
		} else {
			low, a, fa = a, b, fb
			b = low + section*(high-low)
			fb = r.probability(b)
		}
	}
	if fa > fb {
		return fa, a
	}
	return fb, b
}

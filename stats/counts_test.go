package stats

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func table(most int) *rapid.Generator[Proportions] {
	return rapid.Custom(func(t *rapid.T) Proportions {
		p := Proportions{Nc: rapid.IntRange(1, most).Draw(t, "nc"), Nb: rapid.IntRange(1, most).Draw(t, "nb")}
		p.Xc, p.Xb = rapid.IntRange(0, p.Nc).Draw(t, "xc"), rapid.IntRange(0, p.Nb).Draw(t, "xb")
		return p
	})
}

func mirrorOf(p Proportions) Proportions {
	return Proportions{Xc: p.Xb, Nc: p.Nb, Xb: p.Xc, Nb: p.Nc}
}

// bits writes a table as two samples of zeros and ones.
func bits(p Proportions) (x, y []float64) {
	x, y = make([]float64, p.Nc), make([]float64, p.Nb)
	for i := range p.Xc {
		x[i] = 1
	}
	for i := range p.Xb {
		y[i] = 1
	}
	return x, y
}

func TestFisherAgainstEverySplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := table(5).Draw(t, "table")
		got, err := Fisher(p, FisherOptions{})
		if err != nil {
			t.Fatal(err)
		}
		x, y := bits(p)
		greater, less := exhaustive(x, y, func(x, _ []float64) float64 { return total(x) })
		closeTo(t, "greater", got.Greater, greater, 1e-12)
		closeTo(t, "less", got.Less, less, 1e-12)
		back, err := Fisher(mirrorOf(p), FisherOptions{})
		if err != nil {
			t.Fatal(err)
		}
		closeTo(t, "p of the mirror", back.P, got.P, 1e-12)
		if one := p.Xc+p.Xb == 0 || p.Xc == p.Nc && p.Xb == p.Nb; !one && !got.Interval.Contains(got.Estimate) {
			t.Fatalf("got %+v, want the estimate inside", got)
		}
	})
}

func total(v []float64) float64 {
	var s float64
	for _, u := range v {
		s += u
	}
	return s
}

// The ends of the interval are where the tails are α/2, by the sum of all tables.
func TestFisherIntervalInvertsTails(t *testing.T) {
	p := Proportions{Xc: 7, Nc: 12, Xb: 3, Nb: 15}
	got, err := Fisher(p, FisherOptions{})
	if err != nil {
		t.Fatal(err)
	}
	tail := func(odds float64, from, to int) float64 {
		var part, all float64
		for k := 0; k <= 10; k++ {
			w := choose(12, k) * choose(15, 10-k) * math.Pow(odds, float64(k))
			all += w
			if k >= from && k <= to {
				part += w
			}
		}
		return part / all
	}
	near(t, "P(X >= x) at the lower end", tail(got.Interval.Low, 7, 10), .025, 1e-9)
	near(t, "P(X <= x) at the upper end", tail(got.Interval.High, 0, 7), .025, 1e-9)
}

// nullLikelihood is the log-likelihood of a table under a null hypothesis.
func nullLikelihood(p Proportions, c, b float64) float64 {
	part := func(x, n int, q float64) float64 {
		var l float64
		if x > 0 {
			l += float64(x) * math.Log(q)
		}
		if x < n {
			l += float64(n-x) * math.Log1p(-q)
		}
		return l
	}
	return part(p.Xc, p.Nc, c) + part(p.Xb, p.Nb, b)
}

func TestScoreNullIsMostLikely(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := table(40).Draw(t, "table")
		opt := ScoreOptions{Contrast: Contrast(rapid.IntRange(0, 2).Draw(t, "contrast"))}
		bind := func(b float64) float64 { return b + opt.Margin }
		switch opt.Contrast {
		case Difference:
			opt.Margin = rapid.Float64Range(-.9, .9).Draw(t, "margin")
		case Ratio:
			opt.Margin = rapid.Float64Range(.1, 8).Draw(t, "margin")
			bind = func(b float64) float64 { return b * opt.Margin }
		default:
			opt.Margin = rapid.Float64Range(.1, 8).Draw(t, "margin")
			bind = func(b float64) float64 { return opt.Margin * b / (1 + b*(opt.Margin-1)) }
		}
		got, err := ScoreTest(p, opt)
		if err != nil {
			t.Fatal(err)
		}
		mustProbability(t, "p", got.P)
		noNaN(t, "result", got.Statistic)
		closeTo(t, "canary under the null", got.CanaryNull, bind(got.BaselineNull), 1e-9)
		best := nullLikelihood(p, got.CanaryNull, got.BaselineNull)
		for i := 1; i < 200; i++ {
			b := float64(i) / 200
			if c := bind(b); c > 0 && c < 1 && nullLikelihood(p, c, b) > best+1e-7 {
				t.Fatalf("%+v %+v: the null at %v is likelier than at %v", p, opt, b, got.BaselineNull)
			}
		}
	})
}

func TestScoreIntervalInvertsTest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := table(60).Draw(t, "table")
		opt := ScoreOptions{Contrast: Contrast(rapid.IntRange(0, 2).Draw(t, "contrast")), Level: .9}
		got, err := ScoreInterval(p, opt)
		if err != nil {
			t.Fatal(err)
		}
		if !(got.Low <= got.High) {
			t.Fatalf("got %+v, want an interval", got)
		}
		for _, end := range []float64{got.Low, got.High} {
			opt.Margin = end
			at, err := ScoreTest(p, opt)
			if err != nil {
				continue // an extreme of the contrast
			}
			closeTo(t, "p at the end", at.P, .1, 1e-6)
		}
		// The mirror has the opposite of a difference and the inverse of a ratio.
		opt.Margin = 0
		back, err := ScoreInterval(mirrorOf(p), opt)
		if err != nil {
			t.Fatal(err)
		}
		want := Interval{Low: -got.High, High: -got.Low}
		if opt.Contrast != Difference {
			want = Interval{Low: 1 / got.High, High: 1 / got.Low}
		}
		closeTo(t, "mirrored low", back.Low, want.Low, 1e-6)
		if !math.IsInf(want.High, 1) {
			closeTo(t, "mirrored high", back.High/want.High, 1, 1e-6)
		}
	})
}

func TestScoreDispersion(t *testing.T) {
	p := Proportions{Xc: 30, Nc: 1000, Xb: 100, Nb: 9000}
	plain, err := ScoreTest(p, ScoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	wide, err := ScoreTest(p, ScoreOptions{Dispersion: 4})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "z under dispersion 4", wide.Statistic, plain.Statistic/2, 1e-12)
}

func TestProportionIntervals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := table(500).Draw(t, "table")
		got, err := Newcombe(p, 0)
		if err != nil {
			t.Fatal(err)
		}
		if d := float64(p.Xc)/float64(p.Nc) - float64(p.Xb)/float64(p.Nb); !got.Contains(d) || got.Low < -1-1e-12 || got.High > 1+1e-12 {
			t.Fatalf("got %+v, want %v inside, within ±1", got, d)
		}
		chi, err := ChiSquared(p, rapid.Bool().Draw(t, "yates"), 0)
		if err != nil {
			t.Fatal(err)
		}
		mustProbability(t, "p", chi.P)
		noNaN(t, "result", chi.Statistic, chi.Interval.Low, chi.Interval.High)
	})
}

// A one-sided unconditional test by its definition, on a fine grid.
func TestUnconditionalAgainstDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := table(7).Draw(t, "table")
		barnard, err := Barnard(p, Greater)
		if err != nil {
			t.Fatal(err)
		}
		boschloo, err := Boschloo(p, Greater)
		if err != nil {
			t.Fatal(err)
		}
		own, _ := Fisher(p, FisherOptions{Alternative: Greater})
		var bestZ, bestF float64
		for i := 0; i <= 400; i++ {
			share := float64(i) / 400
			wc, wb := binomialWeights(p.Nc, share), binomialWeights(p.Nb, share)
			var byZ, byF float64
			for xc := range wc {
				for xb := range wb {
					other := Proportions{Xc: xc, Nc: p.Nc, Xb: xb, Nb: p.Nb}
					if other.pooledZ() >= p.pooledZ()-1e-10 {
						byZ += wc[xc] * wb[xb]
					}
					if f, _ := Fisher(other, FisherOptions{Alternative: Greater}); i%8 == 0 && f.P <= own.P+1e-10 {
						byF += wc[xc] * wb[xb]
					}
				}
			}
			bestZ, bestF = max(bestZ, byZ), max(bestF, byF)
		}
		if barnard.P < bestZ-1e-9 || barnard.P > bestZ+5e-3 {
			t.Fatalf("%+v Barnard: got %v, want %v", p, barnard.P, bestZ)
		}
		if boschloo.P < bestF-1e-9 || boschloo.P > own.P+1e-9 {
			t.Fatalf("%+v Boschloo: got %v, want at least %v and at most Fisher's %v", p, boschloo.P, bestF, own.P)
		}
	})
}

func TestPoissonProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rates{
			Xc: rapid.IntRange(0, 60).Draw(t, "xc"), Xb: rapid.IntRange(0, 60).Draw(t, "xb"),
			Tc: rapid.Float64Range(.1, 50).Draw(t, "tc"), Tb: rapid.Float64Range(.1, 50).Draw(t, "tb"),
		}
		opt := RateOptions{Method: RateMethod(rapid.IntRange(0, 6).Draw(t, "method")), Ratio: rapid.Float64Range(.3, 3).Draw(t, "ratio")}
		got, err := PoissonRates(r, opt)
		if err != nil {
			t.Fatal(err)
		}
		mustProbability(t, "p", got.P)
		noNaN(t, "result", got.Statistic, got.Estimate, got.Interval.Low, got.Interval.High)
		if !got.Degenerate && !got.Interval.Contains(got.Estimate) {
			t.Fatalf("got %+v, want the estimate inside", got)
		}
		back := opt
		back.Ratio = 1 / opt.Ratio
		mirror, err := PoissonRates(Rates{Xc: r.Xb, Xb: r.Xc, Tc: r.Tb, Tb: r.Tc}, back)
		if err != nil {
			t.Fatal(err)
		}
		closeTo(t, "p of the mirror", mirror.P, got.P, 1e-6)
		for _, end := range []float64{got.Interval.Low, got.Interval.High} {
			if end == 0 || math.IsInf(end, 1) {
				continue
			}
			alt := Greater
			if end == got.Interval.High {
				alt = Less
			}
			at, err := PoissonRates(r, RateOptions{Method: RateConditional, Alternative: alt, Ratio: end})
			if err != nil {
				t.Fatal(err)
			}
			closeTo(t, "p at the end", at.P, .025, 1e-8)
		}
	})
}

func TestCountErrors(t *testing.T) {
	for name, c := range map[string]struct {
		p    Proportions
		want error
	}{
		"negative":  {Proportions{-1, 5, 1, 5}, ErrOptions},
		"too many":  {Proportions{6, 5, 1, 5}, ErrOptions},
		"no trials": {Proportions{0, 0, 1, 5}, ErrTooFew},
		"huge":      {Proportions{1, 1 << 40, 1, 5}, ErrOptions},
	} {
		_, score := ScoreTest(c.p, ScoreOptions{})
		_, interval := ScoreInterval(c.p, ScoreOptions{})
		_, fisher := Fisher(c.p, FisherOptions{})
		_, barnard := Barnard(c.p, TwoSided)
		_, boschloo := Boschloo(c.p, TwoSided)
		_, newcombe := Newcombe(c.p, 0)
		_, chi := ChiSquared(c.p, false, 0)
		for _, err := range []error{score, interval, fisher, barnard, boschloo, newcombe, chi} {
			if !errors.Is(err, c.want) {
				t.Errorf("%s: got %v, want %v", name, err, c.want)
			}
		}
	}
	many := Proportions{1 << 22, 1 << 23, 1 << 22, 1 << 23}
	if _, err := Fisher(many, FisherOptions{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("many tables: got %v", err)
	}
	if _, err := Barnard(many, Greater); !errors.Is(err, ErrTooLarge) {
		t.Errorf("many tables: got %v", err)
	}
	if _, err := ScoreTest(Proportions{1, 5, 1, 5}, ScoreOptions{Margin: 1.5}); !errors.Is(err, ErrOptions) {
		t.Errorf("margin: got %v", err)
	}
	for _, r := range []Rates{{-1, 1, 1, 1}, {1, 1, 0, 1}, {1, 1, 1, math.NaN()}} {
		if _, err := PoissonRates(r, RateOptions{}); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: got %v", r, err)
		}
	}
	if _, err := PoissonRates(Rates{1 << 30, 1 << 30, 1, 1}, RateOptions{Method: RateE}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("E-test of many: got %v", err)
	}
}

func FuzzProportions(f *testing.F) {
	f.Add(uint16(0), uint16(10), uint16(0), uint16(10), 0.005, uint8(0))
	f.Add(uint16(5), uint16(5), uint16(0), uint16(5), 1.5, uint8(7))
	f.Add(uint16(3), uint16(300), uint16(40), uint16(5700), 1e-90, uint8(5))
	f.Fuzz(func(t *testing.T, xc, nc, xb, nb uint16, margin float64, choice uint8) {
		p := Proportions{Xc: int(xc), Nc: int(nc), Xb: int(xb), Nb: int(nb)}
		opt := ScoreOptions{Contrast: Contrast(choice % 3), Alternative: Alternative(choice / 3 % 3), Margin: margin}
		if got, err := ScoreTest(p, opt); err != nil {
			typed(t, err)
		} else {
			mustProbability(t, "score", got.P)
			noNaN(t, "score", got.Statistic)
		}
		if got, err := ScoreInterval(p, opt); err != nil {
			typed(t, err)
		} else {
			noNaN(t, "interval", got.Low, got.High)
		}
		if got, err := Fisher(p, FisherOptions{Alternative: opt.Alternative}); err != nil {
			typed(t, err)
		} else {
			mustProbability(t, "Fisher", got.P)
			noNaN(t, "Fisher", got.Estimate, got.Interval.Low, got.Interval.High)
		}
		r := Rates{Xc: int(xc), Xb: int(xb), Tc: float64(nc), Tb: float64(nb)}
		if got, err := PoissonRates(r, RateOptions{Alternative: opt.Alternative, Ratio: math.Abs(margin)}); err != nil {
			typed(t, err)
		} else {
			mustProbability(t, "rates", got.P)
			noNaN(t, "rates", got.Statistic, got.Estimate, got.Interval.Low, got.Interval.High)
		}
	})
}

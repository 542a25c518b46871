package stats

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// distance is the Kolmogorov–Smirnov statistic by its definition.
func distance(alt Alternative) func(x, y []float64) float64 {
	below := func(v []float64, at float64) float64 {
		var n float64
		for _, u := range v {
			if u <= at {
				n++
			}
		}
		return n / float64(len(v))
	}
	return func(x, y []float64) float64 {
		var most float64
		for _, at := range slices.Concat(x, y) {
			d := below(x, at) - below(y, at)
			switch alt {
			case Greater:
				d = -d
			case TwoSided:
				d = math.Abs(d)
			}
			most = max(most, d)
		}
		return most
	}
}

func TestKolmogorovSmirnovAgainstEverySplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := coarse(4).Draw(t, "x"), coarse(4).Draw(t, "y")
		alt := Alternative(rapid.IntRange(0, 2).Draw(t, "alternative"))
		got, err := KolmogorovSmirnov(x, y, alt, KSExact)
		if err != nil {
			t.Fatal(err)
		}
		closeTo(t, "statistic", got.Statistic, distance(alt)(x, y), 1e-12)
		p, _ := exhaustive(x, y, distance(alt))
		closeTo(t, "p", got.P, p, 1e-12)
	})
}

func TestKolmogorovSmirnovMethodsAgree(t *testing.T) {
	draw := rand.New(rand.NewPCG(9, 9))
	x, y := ramp(60, 0), make([]float64, 70)
	for i := range y {
		y[i] = 60*draw.Float64() + 8
	}
	for _, alt := range []Alternative{TwoSided, Less} {
		exact, err := KolmogorovSmirnov(x, y, alt, KSExact)
		if err != nil {
			t.Fatal(err)
		}
		for _, method := range []KSMethod{KSAuto, KSEffective, KSExactUntied, KSAsymptotic} {
			got, err := KolmogorovSmirnov(x, y, alt, method)
			if err != nil {
				t.Fatal(err)
			}
			near(t, alt.String(), got.P, exact.P, .35)
		}
	}
}

// The exact distributions come near to their limits, and to each other.
func TestKolmogorovLimits(t *testing.T) {
	for _, z := range []float64{.4, .9999999, 1, 1.0000001, 2} {
		direct := 0.0
		for k := 1.0; k < 200; k++ {
			direct += 2 * math.Pow(-1, k-1) * math.Exp(-2*k*k*z*z)
		}
		near(t, "limit", kolmogorovLimit(z), direct, 1e-10)
	}
	// n = 1: P(D >= d) = 2(1-d); n = 2, 1/2 <= d: 2(1-d)².
	near(t, "n 1", kolmogorovOneSample(1, .7), .6, 1e-12)
	near(t, "n 2", kolmogorovOneSample(2, .6), 2*.4*.4, 1e-12)
	near(t, "n 2 below a half", kolmogorovOneSample(2, .4), 1-2*(2*.4-.5)*(2*.4-.5), 1e-12)
	for _, n := range []float64{20, 90, 400} {
		for _, d := range []float64{1.6, 2, 2.5} {
			d /= math.Sqrt(n)
			near(t, "matrix and series", 1-durbin(int(n), d), 2*smirnovOneSample(n, d), 2e-3)
		}
	}
	near(t, "far matrix and series", 1-durbin(100, .26), 2*smirnovOneSample(100, .26), 1e-8)
}

func TestBrunnerMunzelProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := coarse(20).Draw(t, "x"), coarse(20).Draw(t, "y")
		if len(x) < 2 || len(y) < 2 {
			return
		}
		alt := Alternative(rapid.IntRange(0, 2).Draw(t, "alternative"))
		got, err := BrunnerMunzel(x, y, alt, 0)
		if err != nil {
			t.Fatal(err)
		}
		mustProbability(t, "p", got.P)
		noNaN(t, "result", got.Statistic, got.DF, got.PNormal, got.Interval.Low, got.Interval.High)
		closeTo(t, "superiority", got.Superiority, wins(x, y)/float64(len(x)*len(y)), 1e-12)
		back, err := BrunnerMunzel(y, x, []Alternative{TwoSided, Less, Greater}[alt], 0)
		if err != nil {
			t.Fatal(err)
		}
		closeTo(t, "p of the mirror", back.P, got.P, 1e-9)
		closeTo(t, "interval of the mirror", back.Interval.Low, 1-got.Interval.High, 1e-9)
	})
}

func TestBrunnerMunzelSeparated(t *testing.T) {
	got, err := BrunnerMunzel([]float64{5, 6, 7, 8}, []float64{1, 2, 3, 4}, Greater, 0)
	if err != nil || !got.Exact || got.Superiority != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	near(t, "p", got.P, 1.0/70, 1e-12)
	got, err = BrunnerMunzel([]float64{1, 1}, []float64{1, 1, 1}, TwoSided, 0)
	if err != nil || got.P != 1 || got.Superiority != .5 {
		t.Errorf("constants: got %+v, %v", got, err)
	}
}

// Sizes under the null hypothesis, with spreads that differ: 5 % and not 12 %.
func TestBrunnerMunzelKeepsLevel(t *testing.T) {
	draw := rand.New(rand.NewPCG(11, 5))
	const runs = 2000
	var rejected, ranks int
	for range runs {
		x, y := times(normals(draw, 10), 5), normals(draw, 40)
		bm, err := BrunnerMunzel(x, y, TwoSided, 0)
		if err != nil {
			t.Fatal(err)
		}
		mw, err := MannWhitney(x, y, RankSumOptions{Exactness: Asymptotic})
		if err != nil {
			t.Fatal(err)
		}
		if bm.P < .05 {
			rejected++
		}
		if mw.P < .05 {
			ranks++
		}
	}
	if share := float64(rejected) / runs; share < .025 || share > .08 {
		t.Errorf("rejected %.3f of equal samples, want about 0.05 (ranks: %.3f)", share, float64(ranks)/runs)
	}
}

func TestAndersonDarlingProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := coarse(30).Draw(t, "x"), coarse(30).Draw(t, "y")
		got, err := AndersonDarling(x, y)
		if err != nil {
			typed(t, err)
			return
		}
		noNaN(t, "result", got.Statistic, got.StatisticRight)
		if got.P < .001-1e-12 || got.P > .25+1e-2 {
			t.Fatalf("got p %v, want it clipped", got.P)
		}
		back, err := AndersonDarling(y, x)
		if err != nil {
			t.Fatal(err)
		}
		closeTo(t, "mirror", back.Statistic, got.Statistic, 1e-9)
	})
	if got, err := AndersonDarling([]float64{2, 2}, []float64{2, 2}); err != nil || !got.Degenerate {
		t.Errorf("constants: got %+v, %v", got, err)
	}
}

func difference(x, y []float64) float64 { return mean(x) - mean(y) }

func TestPermutationAgainstEverySplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := coarse(4).Draw(t, "x"), coarse(4).Draw(t, "y")
		got, err := PermutationMeans(x, y, PermutationOptions{})
		if err != nil {
			t.Fatal(err)
		}
		greater, less := exhaustive(x, y, difference)
		closeTo(t, "greater", got.Greater, greater, 1e-12)
		closeTo(t, "less", got.Less, less, 1e-12)
	})
}

func TestPermutationByDraws(t *testing.T) {
	draw := rand.New(rand.NewPCG(2, 2))
	x, y := normals(draw, 40), normals(draw, 30)
	a, err := PermutationMeans(x, y, PermutationOptions{Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := PermutationMeans(x, y, PermutationOptions{Seed: 4})
	if a != b || a.Exact || a.Draws != 9999 {
		t.Errorf("got %+v and %+v, want the same draws", a, b)
	}
	w, err := Welch(x, y, WelchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	within(t, "p beside Welch's", a.P, w.P, .03)
	far, err := SignFlip(ramp(30, 1), PermutationOptions{Alternative: Greater})
	if err != nil || far.P != 1e-4 {
		t.Errorf("all positive: got %v, %v, want 1/10000", far.P, err)
	}
	flip, err := SignFlip([]float64{1, 2, 3, -.5}, PermutationOptions{Alternative: Greater})
	if err != nil || flip.P != 2.0/16 || !flip.Exact {
		t.Errorf("four signs: got %+v, %v, want 1/8", flip, err)
	}
	if _, err := SignFlip(nil, PermutationOptions{}); !errors.Is(err, ErrTooFew) {
		t.Errorf("no pairs: got %v", err)
	}
	if _, err := PermutationMeans(x, y, PermutationOptions{Draws: -1}); !errors.Is(err, ErrOptions) {
		t.Errorf("draws: got %v", err)
	}
}

func FuzzTwoSamples(f *testing.F) {
	f.Add([]byte{1, 2, 3}, []byte{2, 2}, 1.0, uint8(0))
	f.Add([]byte{0, 0, 0}, []byte{0, 0}, 1e-9, uint8(4))
	f.Add([]byte{9, 7}, []byte{128, 128, 9}, 1e147, uint8(8))
	f.Fuzz(func(t *testing.T, a, b []byte, scale float64, choice uint8) {
		if len(a) > 60 || len(b) > 60 {
			return
		}
		x, y := floats(a, scale), floats(b, scale)
		alt := Alternative(choice % 3)
		check := func(name string, p float64, err error, rest ...float64) {
			if err != nil {
				typed(t, err)
				return
			}
			mustProbability(t, name, p)
			noNaN(t, name, rest...)
		}
		bm, err := BrunnerMunzel(x, y, alt, 0)
		check("Brunner–Munzel", bm.P, err, bm.Statistic, bm.Interval.Low, bm.Interval.High)
		w, err := Welch(x, y, WelchOptions{Alternative: alt})
		check("Welch", w.P, err, w.Statistic, w.DF, w.Interval.Low, w.Interval.High)
		ks, err := KolmogorovSmirnov(x, y, alt, KSMethod(choice/3%5))
		check("Kolmogorov–Smirnov", ks.P, err, ks.Statistic)
		ad, err := AndersonDarling(x, y)
		check("Anderson–Darling", ad.P, err, ad.Statistic)
		p, err := PermutationMeans(x, y, PermutationOptions{Alternative: alt, Draws: 20})
		check("permutation", p.P, err, p.Statistic)
		k, err := KayentaMannWhitney(x, y, KayentaOptions{})
		check("Kayenta", 0, err, k.Estimate, k.Interval.Low, k.Interval.High)
		e, err := CliffsDelta(x, y)
		check("Cliff", (e+1)/2, err)
	})
}

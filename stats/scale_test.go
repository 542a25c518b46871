package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestNoUnitChangesAVerdict ensures that every test of values says the same in seconds,
// nanoseconds and years: p-values stay, for samples with ties and without.
func TestNoUnitChangesAVerdict(t *testing.T) {
	signs := RankSumOptions{Exactness: Asymptotic}
	for name, p := range map[string]func(x, y []float64) (float64, error){
		"Mann–Whitney":             func(x, y []float64) (float64, error) { r, err := MannWhitney(x, y, RankSumOptions{}); return r.P, err },
		"Mann–Whitney, asymptotic": func(x, y []float64) (float64, error) { r, err := MannWhitney(x, y, signs); return r.P, err },
		"signed rank":              func(x, y []float64) (float64, error) { r, err := SignedRank(x, y, RankSumOptions{}); return r.P, err },
		"signed rank, asymptotic":  func(x, y []float64) (float64, error) { r, err := SignedRank(x, y, signs); return r.P, err },
		"signed rank, zeros counted": func(x, y []float64) (float64, error) {
			r, err := SignedRankPratt(x, y, RankSumOptions{})
			return r.P, err
		},
		"Brunner–Munzel":     func(x, y []float64) (float64, error) { r, err := BrunnerMunzel(x, y, Greater, 0); return r.P, err },
		"Welch":              func(x, y []float64) (float64, error) { r, err := Welch(x, y, WelchOptions{}); return r.P, err },
		"Kolmogorov–Smirnov": func(x, y []float64) (float64, error) { r, err := KolmogorovSmirnov(x, y, Greater, 0); return r.P, err },
		"Anderson–Darling":   func(x, y []float64) (float64, error) { r, err := AndersonDarling(x, y); return r.P, err },
		"permutation of means": func(x, y []float64) (float64, error) {
			r, err := PermutationMeans(x, y, PermutationOptions{Draws: 200, Seed: 3})
			return r.P, err
		},
		"sign flips": func(x, y []float64) (float64, error) {
			d := make([]float64, len(x))
			for i := range d {
				d[i] = x[i] - y[i]
			}
			r, err := SignFlip(d, PermutationOptions{Draws: 200, Seed: 3})
			return r.P, err
		},
		"means within a margin": func(x, y []float64) (float64, error) {
			up := func(v []float64) []float64 { // logarithms need positive values
				out := make([]float64, len(v))
				for i := range v {
					out[i] = math.Abs(v[i]) + math.Abs(x[0])
				}
				return out
			}
			r, err := NonInferiorityLogWelch(up(x), up(y), 1.2, 0)
			return r.Worse, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			draw := rand.New(rand.NewPCG(8, 8))
			for _, n := range []int{7, 60} {
				x, y := normals(draw, n), normals(draw, n)
				for _, ties := range []bool{false, true} {
					for i := range x {
						if ties {
							x[i], y[i] = math.Round(2*x[i])/2, math.Round(2*y[i])/2
						}
					}
					want, err := p(x, y)
					if err != nil {
						t.Fatal(err)
					}
					for _, unit := range []float64{0x1p-30, 0x1p25, 0x1p-300, 0x1p200} {
						got, err := p(times(x, unit), times(y, unit))
						if err != nil {
							t.Fatal(err)
						}
						near(t, "p", got, want, 1e-10)
					}
				}
			}
		})
	}
}

package judge

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
)

// nativeFrames returns the histogram of a service most of whose requests take exactly
// 70 ms, seen through the buckets of schema 3, and the canary's times as long.
func nativeFrames(s side, span [2]int, times float64) queries.Frame {
	bounds := make([]float64, 24)
	for k := range bounds {
		bounds[k] = math.Exp2(float64(k-40) / 8) // 31 ms to 230 ms
	}
	return columnsOf(s, []int{3, 17}[s], span, func(pod, t int) float64 { return float64(pod*10000 + t + 5000) }, func(p *queries.Process, cell float64) {
		r := rand.New(rand.NewPCG(uint64(s)+1, uint64(cell)))
		over, sum, n := make([]float64, len(bounds)), 0.0, 300.0
		for range int(n) {
			v := .07 * times
			if r.Float64() < .3 {
				v = .06 * math.Exp(.4*r.NormFloat64()) * times
			}
			sum += v
			for k, x := range bounds {
				if v > x {
					over[k]++
				}
			}
		}
		p.N, p.Sum, p.Over = append(p.N, n), append(p.Sum, sum), append(p.Over, over...)
	})
}

// TestNativeBounds: on the bounds of a native histogram a slowdown is a whole number of
// buckets. Nearly all requests in one bucket would mislead an interpolation.
func TestNativeBounds(t *testing.T) {
	verdict := func(times float64) Verdict {
		in := newWorld(3).input(30)
		m := in.Record.Plan.Metrics[1]
		m.Name = "native"
		bounds := make([]float64, 24)
		for k := range bounds {
			bounds[k] = math.Exp2(float64(k-40) / 8)
		}
		withMetric(&in, m, func(s side, span [2]int) queries.Frame {
			if s == baseline {
				return withBounds(nativeFrames(s, span, 1), bounds)
			}
			return withBounds(nativeFrames(s, span, times), bounds)
		}, nil)
		return Evaluate(in)
	}
	for times, want := range map[float64]bool{1: false, 1.07: false, 1.3: true} {
		v := verdict(times)
		f := finding(v, "native")
		if (v.Outcome == Rollback) != want || f.Effect == nil || !strings.Contains(f.Effect.Limit, "at bucket bounds 1.09×, which is whole buckets") {
			t.Errorf("%g times as slow: got %v, %+v", times, v.Outcome, f)
		}
	}
}

func withBounds(f queries.Frame, bounds []float64) queries.Frame {
	f.Bounds, f.Window.Block = bounds, time.Minute
	return f
}

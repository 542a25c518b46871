package sequential

import (
	"math/rand/v2"
	"testing"
)

// benchBlocks returns blocks of a healthy rollout with 5 % of the traffic.
func benchBlocks(n int, perBlock, rate float64) []CountBlock {
	r := rand.New(rand.NewPCG(1, 2))
	blocks := make([]CountBlock, n)
	for i := range blocks {
		nc, nb := poisson(r, .05*perBlock), poisson(r, .95*perBlock)
		blocks[i] = CountBlock{Nc: nc, Nb: nb, Xc: poisson(r, nc*rate), Xb: poisson(r, nb*rate), A: 1.1, Pi: rate}
	}
	return blocks
}

func BenchmarkCountsEvidence(b *testing.B) {
	for _, bench := range []struct {
		name string
		c    Counts
		rate float64
	}{
		{"errors/restarts", Counts{Restarts: true}, .002},
		{"errors/promote", Counts{Side: NotWorse}, .002},
		{"errors/additive", Counts{Restarts: true, D: .0005}, .002},
		{"exceedance/restarts", Counts{Restarts: true, Grid: []float64{.1, .25, .5, 1}}, .2},
		{"exceedance/promote", Counts{Side: NotWorse, Grid: []float64{.1, .25, .5}}, .2},
	} {
		b.Run(bench.name, func(b *testing.B) {
			blocks := benchBlocks(60, 6000, bench.rate)
			phi := Dispersion{Phi0: 1.5, Nu0: 30, Floor: 1 - bench.rate}.Running(nil, blocks)
			dst := make([]float64, len(blocks))
			b.ReportAllocs()
			for b.Loop() {
				bench.c.Evidence(dst, blocks, phi)
			}
		})
	}
}

func BenchmarkDispersionRunning(b *testing.B) {
	for name, rate := range map[string]float64{"rare": .0005, "errors": .002, "exceedance": .2} {
		b.Run(name, func(b *testing.B) {
			blocks := benchBlocks(60, 6000, rate)
			dst := make([]float64, len(blocks))
			b.ReportAllocs()
			for b.Loop() {
				Dispersion{Phi0: 1.5, Nu0: 30}.Running(dst, blocks)
			}
		})
	}
}

func BenchmarkSeriesEvidence(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	y := make([]float64, 60)
	for i := range y {
		y[i] = .05*r.NormFloat64() - .1
	}
	dst := make([]float64, len(y))
	for name, s := range map[string]Series{
		"restarts": {Var: .003, Nu0: 30, Rho: .5, RhoWeight: 20, Restarts: true},
		"promote":  {Var: .003, Nu0: 30, Rho: .5, RhoWeight: 20},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Evidence(dst, y, y)
			}
		})
	}
}

func BenchmarkIntervals(b *testing.B) {
	blocks := benchBlocks(60, 6000, .002)
	b.Run("ratio", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			RatioInterval(blocks, 1.5, .05, .05)
		}
	})
	b.Run("difference", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			DifferenceInterval(blocks, 1.5, .05, .05)
		}
	})
}

// BenchmarkDecision is the arithmetic of one whole decision: 20 latency metrics of
// 12 buckets over 60 blocks, eight usable bounds and the mean each, both sides, and
// an interval of the bound that is shown.
func BenchmarkDecision(b *testing.B) {
	const metrics, bounds = 20, 8
	var streams [bounds][]CountBlock
	var grids [bounds][]float64
	for k := range streams {
		rate := .5 / float64(int(1)<<k)
		streams[k] = benchBlocks(60, 6000, rate)
		grids[k] = []float64{.1, .25, .5, 1}
	}
	r := rand.New(rand.NewPCG(1, 2))
	y := make([]float64, 60)
	for i := range y {
		y[i] = .05*r.NormFloat64() - .1
	}
	phi, worse, notWorse := make([]float64, 60), make([]float64, 60), make([]float64, 60)
	column := make([]float64, bounds)
	b.ReportAllocs()
	for b.Loop() {
		for range metrics {
			for k, blocks := range streams {
				Dispersion{Phi0: 1.2, Nu0: 30, Floor: .5}.Running(phi, blocks)
				Counts{Grid: grids[k], Restarts: true}.Evidence(worse, blocks, phi)
				Counts{Grid: grids[k][:3], Side: NotWorse}.Evidence(notWorse, blocks, phi)
				column[k] = worse[59]
			}
			s := Series{Var: .003, Nu0: 30, Rho: .5, RhoWeight: 20}
			s.Evidence(notWorse, y, y)
			s.Restarts = true
			s.Evidence(worse, y, y)
			for range 60 {
				Mix(column, nil)
			}
			RatioInterval(streams[0], 1.2, .05, .05)
		}
	}
}

package sequential

import (
	"math"
	"testing"
)

// TestSum: the mean of processes, some of them far beyond the range of e^x, is that of
// their logarithms.
func TestSum(t *testing.T) {
	blocks := benchBlocks(60, 6000, .05)
	bad := benchBlocks(60, 60000, .05)
	for i := range bad {
		bad[i].Xc *= 4 // its evidence passes e^600 on the way
	}
	phi := Dispersion{Phi0: 1.5, Nu0: 30}.Running(nil, blocks)
	c := Counts{Restarts: true}
	gauge := Series{Var: 1, Nu0: 30, RhoWeight: 20}.Evidence(nil, make([]float64, 60), nil)
	for name, streams := range map[string][][]CountBlock{
		"plain": {blocks, blocks[:60]}, "large": {bad, blocks}, "large last": {blocks, bad},
	} {
		t.Run(name, func(t *testing.T) {
			sum, logs := NewSum(60), [][]float64{gauge}
			sum.Add(gauge)
			for _, b := range streams {
				e := c.Evidence(nil, b, phi)
				if got := sum.AddCounts(c, b, phi); math.Abs(got-e[59]) > 1e-12*math.Abs(e[59]) {
					t.Errorf("got %g after the last block, want %g", got, e[59])
				}
				logs = append(logs, e)
			}
			if got := sum.Processes(); got != 3 {
				t.Errorf("got %d processes, want 3", got)
			}
			for at, got := range sum.Mean() {
				want := Mix([]float64{logs[0][at], logs[1][at], logs[2][at]}, nil)
				if math.Abs(got-want) > 1e-10*math.Max(1, math.Abs(want)) {
					t.Errorf("block %d: got %g, want %g", at, got, want)
				}
			}
		})
	}
	if got := NewSum(3).Mean(); got != nil {
		t.Errorf("no process: got %v, want nil", got)
	}
	if e := c.Evidence(nil, bad, nil); e[59] < 700 {
		t.Errorf("the large process reaches e^%g only", e[59])
	}
}

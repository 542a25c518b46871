package aca

import (
	"fmt"
	"testing"
)

// BenchmarkMannWhitney is the interval alone: a dozen or two passes over sorted data.
func BenchmarkMannWhitney(b *testing.B) {
	for _, n := range []int{60, 1000} {
		control, experiment := bell(1, n, 1, 0.1), bell(2, n, 1.02, 0.1)
		b.Run(fmt.Sprint("n=", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := MannWhitney(control, experiment, 0.98); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkJudge is a config of 20 metrics with an hour of minutes each.
func BenchmarkJudge(b *testing.B) {
	var r Request
	for i := range 20 {
		name := fmt.Sprint("m", i)
		r.Config.Metrics = append(r.Config.Metrics, MetricConfig{Name: name, Groups: []string{"g"}})
		r.Pairs = append(r.Pairs, Pair{Name: name, Control: bell(int64(i), 60, 1, 0.1), Experiment: bell(int64(i+100), 60, 1, 0.1)})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Judge{}).Judge(r); err != nil {
			b.Fatal(err)
		}
	}
}

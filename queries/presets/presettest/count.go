package presettest

import (
	"fmt"
	"strings"

	"github.com/serin-canary/serin/queries"
)

// Count writes what a frame holds in all of its blocks together, as [Proof.Want] does:
//
//	3 of 100            bad and all of a ratio
//	100                 a counter
//	100 >0.1:40 sum:23  a histogram: all, how many were above each bound, their sum
//	pod-1=5 pod-2=7     a gauge: each process's value in the newest block
//	nothing             no value at all
//
// Blocks that are gaps are left out.
func Count(kind queries.Kind, f queries.Frame) string {
	all := f.Total()
	switch kind {
	case queries.Ratio:
		n, ok := sum(all.N)
		x, _ := sum(all.X)
		if ok {
			return fmt.Sprintf("%.6g of %.6g", x, n)
		}
	case queries.Counter:
		if n, ok := sum(all.N); ok {
			return fmt.Sprintf("%.6g", n)
		}
	case queries.Histogram:
		if n, ok := sum(all.N); ok {
			return fmt.Sprintf("%.6g%s", n, shape(f, all))
		}
	case queries.Gauge:
		if text := newest(f); text != "" {
			return text
		}
	}
	return "nothing"
}

func sum(c queries.Column) (total float64, any bool) {
	for _, v := range c {
		if !queries.IsGap(v) {
			total, any = total+v, true
		}
	}
	return total, any
}

// shape writes a histogram's bounds and its sum.
func shape(f queries.Frame, all queries.Process) string {
	var out strings.Builder
	for k, bound := range f.Bounds {
		over := 0.0
		for b := range all.N {
			if v := all.Over[b*len(f.Bounds)+k]; !queries.IsGap(v) {
				over += v
			}
		}
		fmt.Fprintf(&out, " >%.6g:%.6g", bound, over)
	}
	if s, ok := sum(all.Sum); ok {
		fmt.Fprintf(&out, " sum:%.6g", s)
	}
	return out.String()
}

// newest writes a gauge's values in the last block that has any.
func newest(f queries.Frame) string {
	for b := f.Window.Len() - 1; b >= 0; b-- {
		var parts []string
		for _, p := range f.Processes {
			if b < len(p.V) && !queries.IsGap(p.V[b]) {
				name := p.Name + "="
				if p.Name == "" {
					name = ""
				}
				parts = append(parts, name+fmt.Sprintf("%.6g", p.V[b]))
			}
		}
		if len(parts) > 0 {
			return strings.Join(parts, " ")
		}
	}
	return ""
}

package judge

import (
	"math"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// grown returns by how much the running totals of processes have grown since the start,
// each, or all of them together under no name. What a process that is gone has grown by
// stays in the total.
func grown(f queries.Frame, l plan.Limit) []queries.Process {
	each := make([]queries.Process, len(f.Processes))
	total := queries.Gaps(f.Window.Len())
	for i, p := range f.Processes {
		each[i] = queries.Process{Name: p.Name, V: steps(p.V, p.Name != "")}
		sum := 0.0
		for t, v := range each[i].V {
			if !queries.IsGap(v) {
				sum = v
			}
			switch {
			case !queries.IsGap(total[t]):
				total[t] += sum
			case !queries.IsGap(v):
				total[t] = sum + before(each[:i], t)
			}
		}
	}
	if l.Each {
		return each
	}
	return []queries.Process{{V: total}}
}

// before adds up what processes had grown by when they were last seen, up to block t.
func before(ps []queries.Process, t int) (sum float64) {
	for _, p := range ps {
		for i := min(t, len(p.V)-1); i >= 0; i-- {
			if !queries.IsGap(p.V[i]) {
				sum += p.V[i]
				break
			}
		}
	}
	return sum
}

// steps adds up the steps upwards of a running total. A step downwards is a total that
// began anew. One of a process that is not there in the first block began at 0 since.
func steps(v queries.Column, process bool) queries.Column {
	out := queries.Gaps(len(v))
	last, sum := math.NaN(), 0.0
	if process && len(v) > 0 && queries.IsGap(v[0]) {
		last = 0
	}
	for t, x := range v {
		if queries.IsGap(x) {
			continue
		}
		if x > last {
			sum += x - last
		}
		last, out[t] = x, sum
	}
	return out
}

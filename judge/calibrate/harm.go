package calibrate

import (
	"errors"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// Harm is a regression of known size that is put into a canary's counts.
type Harm struct {
	// Errors is added to the canary's share of bad requests, in [0,1): each of its good
	// requests turns bad with this probability. It touches metrics of kind errors, and
	// shares that are worse when lower and spend the error budget: a success rate.
	Errors float64 `json:"errors,omitempty"`
	// Latency is how many times as long each of its requests takes, at least 1; 0 is no
	// change. Within a bucket, latencies are taken to be spread evenly on the log scale.
	// It touches metrics of kind latency.
	Latency float64 `json:"latency,omitempty"`
	Seed    uint64  `json:"seed"`
}

// touch is what a harm does to a metric's counts.
type touch string

// The touches. The zero value leaves a metric as it was.
const (
	moreBad  touch = "more bad"  // good requests are counted as bad
	lessGood touch = "less good" // and no longer as good
	slower   touch = "slower"
)

// touches is what a harm does to a metric. Other shares, of throttled periods or cache
// hits, are not what errors are made of.
func (h *Harm) touches(m plan.Metric) touch {
	switch {
	case h == nil:
	case m.Kind == plan.Errors && h.Errors > 0:
		return moreBad
	case m.Kind == plan.Proportion && m.Worse == plan.Lower && m.Weight > 0 && h.Errors > 0:
		return lessGood
	case m.Kind == plan.Latency && h.Latency > 1:
		return slower
	}
	return ""
}

// touched are the names of a plan's metrics that a harm touches.
func (h *Harm) touched(p plan.Plan) []string {
	var out []string
	for _, m := range p.Metrics {
		if h.touches(m) != "" {
			out = append(out, m.Name)
		}
	}
	return out
}

// without refuses a harm of which some part touches no metric of any plan: that it was
// not found would say nothing.
func (h *Harm) without(plans ...plan.Plan) error {
	if h == nil {
		return nil
	}
	touches := func(part Harm) bool {
		return slices.ContainsFunc(plans, func(p plan.Plan) bool { return len(part.touched(p)) > 0 })
	}
	var faults []error
	if h.Errors > 0 && !touches(Harm{Errors: h.Errors}) {
		faults = append(faults, errors.New("more errors cannot be put in: no metric has kind: errors, and none is a share that is worse when lower and has a weight (a success rate)"))
	}
	if h.Latency > 1 && !touches(Harm{Latency: h.Latency}) {
		faults = append(faults, errors.New("a longer latency cannot be put in: no metric has kind: latency"))
	}
	return errors.Join(faults...)
}

// apply returns a canary's frame with a touch of the harm. The numbers that it draws
// follow from the seed, the draw, the process and the block's own time: the same request
// turns bad in every metric that counts it.
func (h *Harm) apply(f queries.Frame, how touch, index int) queries.Frame {
	out := f
	out.Processes = make([]queries.Process, len(f.Processes))
	for i, p := range f.Processes {
		name := fnv.New64a()
		_, _ = name.Write([]byte(p.Name)) // never fails
		luck := func(t int) *rand.Rand {
			at := f.Window.Start.Unix()/int64(f.Window.Block.Seconds()) + int64(t)
			return rand.New(rand.NewPCG(h.Seed^name.Sum64(), uint64(at)<<24^uint64(index)))
		}
		switch {
		case p.X != nil && how == moreBad:
			p.X = turned(p, h.Errors, luck)
		case p.X != nil && how == lessGood:
			p.X = thinned(p, h.Errors, luck)
		case p.Over != nil && how == slower:
			p = stretched(p, f.Bounds, h.Latency, luck)
		}
		out.Processes[i] = p
	}
	return out
}

// turned turns good requests bad with a probability, where the bad ones are counted.
func turned(p queries.Process, by float64, luck func(int) *rand.Rand) queries.Column {
	x := make(queries.Column, len(p.X))
	for t := range x {
		x[t] = p.X[t]
		if good := p.N[t] - p.X[t]; good > 0 {
			x[t] += binomial(luck(t), good, by)
		}
	}
	return x
}

// thinned does the same where the good ones are counted.
func thinned(p queries.Process, by float64, luck func(int) *rand.Rand) queries.Column {
	x := make(queries.Column, len(p.X))
	for t := range x {
		x[t] = p.X[t]
		if good := p.X[t]; good > 0 {
			x[t] -= binomial(luck(t), good, by)
		}
	}
	return x
}

// stretched moves requests over bounds, and their durations with them.
func stretched(p queries.Process, bounds []float64, by float64, luck func(int) *rand.Rand) queries.Process {
	k := len(bounds)
	over := make(queries.Column, len(p.Over))
	for t := range p.N {
		d := luck(t)
		row, to := p.Over[t*k:(t+1)*k], over[t*k:(t+1)*k]
		above := p.N[t]
		for i := range row {
			to[i] = row[i]
			// Requests between the bound below and this one: those of them above
			// bound/by now take longer than the bound.
			below := 0.0
			if i > 0 {
				below = bounds[i-1]
			}
			if inside := above - row[i]; inside > 0 {
				to[i] += binomial(d, inside, moved(below, bounds[i], by))
			}
			above = row[i]
		}
		// A stretch by more than a bucket moves lower ones, too.
		for i := len(row) - 1; i > 0; i-- {
			for j := i - 1; j >= 0 && bounds[j]*by > bounds[i]; j-- {
				low := 0.0
				inside := p.N[t] - row[0]
				if j > 0 {
					low, inside = bounds[j-1], row[j-1]-row[j]
				}
				if inside > 0 {
					to[i] += binomial(d, inside, passed(low, bounds[j], bounds[i]/by))
				}
			}
			to[i] = math.Min(to[i], p.N[t])
		}
		for i := 1; i < len(to); i++ { // beyond a bound is beyond those below
			to[i] = math.Min(to[i], to[i-1])
		}
	}
	p.Over = over
	if p.Sum != nil {
		sum := make(queries.Column, len(p.Sum))
		for t := range sum {
			sum[t] = p.Sum[t] * by
		}
		p.Sum = sum
	}
	return p
}

// moved is the part of a bucket that a stretch takes over its upper bound.
func moved(low, high, by float64) float64 { return passed(low, high, high/by) }

// passed is the part of a bucket above a point, latencies spread evenly on the log scale;
// the lowest bucket is taken to begin at a tenth of its bound.
func passed(low, high, point float64) float64 {
	if low <= 0 {
		low = high / 10
	}
	if !(point > 0) || point >= high {
		return 0
	}
	return math.Min(1, math.Log(high/point)/math.Log(high/low))
}

// binomial draws how many of n turn up, with probability p each: one by one where they
// are few, and by the normal approximation where they are many.
func binomial(d *rand.Rand, n, p float64) float64 {
	n = math.Floor(n)
	if n < 1 || p <= 0 {
		return 0
	}
	if p >= 1 {
		return n
	}
	if v := n * p * (1 - p); n > 2000 && v > 100 {
		return math.Min(n, math.Max(0, math.Round(n*p+math.Sqrt(v)*d.NormFloat64())))
	}
	if p <= .5 { // by the gaps between those that turn up
		got, at := 0.0, 0.0
		for {
			at += math.Floor(math.Log(1-d.Float64())/math.Log1p(-p)) + 1
			if at > n {
				return got
			}
			got++
		}
	}
	return n - binomial(d, n, 1-p)
}

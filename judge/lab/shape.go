package lab

import "math"

// The latency of a healthy request is log-normal around a median of 60 ms; two
// percent of the requests take five times as long. In the tight shape all take about
// 70 ms; in the bimodal one six in ten take about 30 ms and the others about 105 ms.
const (
	medianLatency  = .06
	latencySpread  = .7
	slowShare      = .02
	slowTimes      = 5
	tightLatency   = .07
	fastLatency    = .03
	fastShare      = .6
	laggingLatency = .105
	narrowSpread   = .02
)

// The table of a shape: u from -tableEdge to tableEdge in steps of 1/tableSteps.
const (
	tableEdge  = 9
	tableSteps = 512
)

// moments holds, of a duration v measured in units of its median m, the parts that
// lie below m·exp(u): of the probability, of the mean and of the mean square.
type moments struct{ p, mean, square float64 }

func (a moments) less(b moments) moments {
	return moments{a.p - b.p, a.mean - b.mean, a.square - b.square}
}

// mixed returns a mixture that has the part f of b.
func (a moments) mixed(b moments, f float64) moments {
	return moments{a.p*(1-f) + b.p*f, a.mean*(1-f) + b.mean*f, a.square*(1-f) + b.square*f}
}

// component is one log-normal part of a latency distribution: its weight, its median
// in units of the whole's, and its standard deviation on the log scale.
type component struct{ weight, times, spread float64 }

// shape is a table of a mixture of log-normal durations. Between its points it is
// linear, which is wrong by less than 1e-6 of the probability for the broad shape and
// by less than 1e-3 for the narrow ones.
type shape []moments

func newShape(parts ...component) shape {
	s := make(shape, 2*tableEdge*tableSteps+1)
	for i := range s {
		u := float64(i)/tableSteps - tableEdge
		for _, c := range parts {
			sigma := c.spread
			z := (u - math.Log(c.times)) / sigma
			s[i].p += c.weight * normal(z)
			s[i].mean += c.weight * c.times * math.Exp(sigma*sigma/2) * normal(z-sigma)
			s[i].square += c.weight * c.times * c.times * math.Exp(2*sigma*sigma) * normal(z-2*sigma)
		}
	}
	return s
}

func normal(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }

// below returns the moments below u.
func (s shape) below(u float64) moments {
	x := (u + tableEdge) * tableSteps
	switch {
	case x <= 0:
		return moments{}
	case x >= float64(len(s)-1):
		return s[len(s)-1]
	}
	i := int(x)
	return s[i].mixed(s[i+1], x-float64(i))
}

// latencies draws histograms.
type latencies struct {
	logBounds  []float64
	median     float64 // of a healthy request, in seconds
	well, tail shape
}

// bounds are the default buckets of Prometheus clients, in seconds.
func bounds() []float64 { return []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10} }

func newLatencies(of latencyShape) latencies {
	l := latencies{
		median: medianLatency,
		well:   newShape(component{1 - slowShare, 1, latencySpread}, component{slowShare, slowTimes, latencySpread}),
		tail:   newShape(component{1, tailTimes, latencySpread}),
	}
	switch of {
	case tightShape:
		l.median, l.well = tightLatency, newShape(component{1, 1, narrowSpread})
	case bimodalShape:
		l.median = fastLatency
		l.well = newShape(component{fastShare, 1, narrowSpread}, component{1 - fastShare, laggingLatency / fastLatency, narrowSpread})
	case broadShape:
	}
	for _, b := range bounds() {
		l.logBounds = append(l.logBounds, math.Log(b))
	}
	return l
}

// pace is how slow requests are: the log of their median in seconds, and the
// fraction of them that is ten times as slow.
type pace struct{ logMedian, tail float64 }

// raise moves every one of n requests one bucket higher, and returns what they then
// take together, more or less.
func raise(over []float64, n, sum float64) float64 {
	copy(over[1:], over)
	over[0] = n
	return sum * meanStep
}

// meanStep is the ratio of neighbouring bounds in the default buckets, on average.
const meanStep = 2.14

// draw spreads n requests over the buckets: over[k] gets how many exceed bound k.
// It returns the sum of their durations.
//
// Counts are multinomial. The sum is drawn bucket by bucket from the normal
// distribution with the mean and variance that durations within the bucket have.
func (l latencies) draw(d drawer, over []float64, n float64, how pace) float64 {
	median, left := math.Exp(how.logMedian), n
	var sum float64
	var done moments
	low := 0.0
	for k := 0; k <= len(l.logBounds); k++ {
		upTo, high := moments{}, math.Inf(1)
		if k < len(l.logBounds) {
			upTo = l.at(l.logBounds[k]-how.logMedian, how.tail)
			high = math.Exp(l.logBounds[k])
		} else {
			upTo = l.at(tableEdge, how.tail)
		}
		part := upTo.less(done)
		in := left
		if k < len(l.logBounds) {
			in = 0
			if left > 0 && done.p < 1 {
				in = d.binomial(left, part.p/(1-done.p))
			}
			over[k] = left - in
		}
		if in > 0 && part.p > 0 {
			mean := part.mean / part.p
			spread := math.Sqrt(math.Max(part.square/part.p-mean*mean, 0) * in)
			s := median * (mean*in + spread*d.NormFloat64())
			sum += math.Min(math.Max(s, in*low), in*high)
		}
		done, left, low = upTo, left-in, high
	}
	return sum
}

func (l latencies) at(u, tail float64) moments {
	m := l.well.below(u)
	if tail > 0 {
		m = m.mixed(l.tail.below(u), tail)
	}
	return m
}

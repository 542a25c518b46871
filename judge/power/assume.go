package power

import (
	"errors"
	"fmt"
	"math"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/stats/sequential"
)

// Assumptions say what a service is like where nothing was measured.
type Assumptions struct {
	ErrorRate float64 // share of bad requests, in [0,1)
	// Share is the baseline's of proportions that are worse when lower, in (0,1).
	Share float64
	Phi   float64 // variance of errors over their mean, at least 1
	// PodSpread is the sd between pods on the log scale, of errors; half of it is
	// assumed of latencies and values.
	PodSpread float64

	Median  float64   // of latencies, in seconds
	Spread  float64   // sd of their logarithm
	Pace    float64   // sd by which a pod's log latency moves from block to block
	Buckets []float64 // upper bounds in seconds

	Noise float64 // sd of a pod's log value from block to block
	Rho   float64 // autocorrelation of latencies and values from block to block, in [0,1)
}

// DefaultAssumptions are those of an ordinary service: the defaults of the judge where
// it has no history, the buckets of Prometheus clients, and a log-normal latency.
func DefaultAssumptions() Assumptions {
	return Assumptions{
		ErrorRate: .002, Share: .05, Phi: 2, PodSpread: .10,
		Median: .06, Spread: .8, Pace: .05, Noise: .06, Rho: .5,
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}
}

// Validate says what is wrong with assumptions.
func (a Assumptions) Validate() error {
	switch {
	case !(a.ErrorRate >= 0 && a.ErrorRate < 1):
		return fmt.Errorf("an error rate of %v is none; take a fraction from 0 to below 1, for example 0.2%%", a.ErrorRate)
	case !(a.Share > 0 && a.Share < 1):
		return fmt.Errorf("a proportion of %v is none; take a fraction between 0 and 1, for example 5%%", a.Share)
	case !(a.Phi >= 1 && a.Phi <= 1e4):
		return fmt.Errorf("a dispersion of %v is none; 1 is what independent failures have, 2 to 5 is usual", a.Phi)
	case !(a.PodSpread >= 0 && a.PodSpread <= 2):
		return fmt.Errorf("a spread between pods of %v cannot be; take a fraction from 0 to 2, for example 10%%", a.PodSpread)
	case !(a.Median > 0) || a.Median > 1e6 || !(a.Spread > 0) || a.Spread > 5:
		return errors.New("the latency's median and spread must be above 0 (and the spread at most 5)")
	case !(a.Pace >= 0 && a.Pace <= 2) || !(a.Noise >= 0 && a.Noise <= 5) || !(a.Rho >= 0 && a.Rho < 1):
		return errors.New("the noise from block to block must be from 0 to 2, its autocorrelation from 0 to below 1")
	}
	for i, b := range a.Buckets {
		if !(b > 0) || i > 0 && b <= a.Buckets[i-1] {
			return errors.New("the buckets' bounds must be positive and ascend")
		}
	}
	if len(a.Buckets) == 0 || len(a.Buckets) > 60 {
		return fmt.Errorf("%d buckets cannot be simulated; take 1 to 60", len(a.Buckets))
	}
	return nil
}

// priorBlocks is how long an assumed history is, in blocks.
const priorBlocks = 60

// Assume returns what the judge would have learnt of a plan's metrics from an hour of
// a service that is as assumed.
func Assume(p plan.Plan, s Service, a Assumptions) (map[string]*judge.Prior, error) {
	if err := errors.Join(s.Validate(), a.Validate()); err != nil {
		return nil, err
	}
	out := make(map[string]*judge.Prior, len(p.Metrics))
	for _, m := range p.Metrics {
		out[m.Name] = a.prior(p, m, s)
	}
	return out, nil
}

func (a Assumptions) prior(p plan.Plan, m plan.Metric, s Service) *judge.Prior {
	n := s.RPS * p.Block.D().Seconds()
	prior := &judge.Prior{Blocks: priorBlocks, Pods: s.Baseline, RequestsPerBlock: n}
	if s.Baseline < 2 {
		prior.Blocks = 0 // one pod says nothing of how pods differ, as in a real history
	}
	switch m.Reading.Kind {
	case queries.Ratio:
		a.ofCounts(prior, m, s)
	case queries.Histogram:
		a.ofLatency(prior, m, s)
		prior.UseBounds(n * s.Share * float64(p.MaxDuration.D()/p.Block.D()))
	default:
		v := a.Noise * a.Noise
		prior.Rate = 1
		prior.Series = a.series(v, s)
		prior.Series.Scale = 1
	}
	return prior
}

func (a Assumptions) ofCounts(prior *judge.Prior, m plan.Metric, s Service) {
	prior.Rate = a.ErrorRate
	if m.Worse == plan.Lower {
		prior.Rate = a.Share
	}
	df := float64(s.Baseline - 1)
	prior.Streams = []judge.StreamPrior{{Exceed: prior.Rate, Phi: a.Phi, Pod: a.PodSpread, DF: df}}
	prior.Requests = &judge.StreamPrior{Phi: 1, DF: df}
	prior.Total, prior.Bad = decayed(prior.RequestsPerBlock, prior.RequestsPerBlock*prior.Rate)
}

// decayed is what an even history weighs at its end.
func decayed(n, x float64) (total, bad float64) {
	ns, xs := make([]float64, priorBlocks), make([]float64, priorBlocks)
	for t := range ns {
		ns[t], xs[t] = n, x
	}
	return sequential.Decay(ns, xs)
}

func (a Assumptions) ofLatency(prior *judge.Prior, m plan.Metric, s Service) {
	scale, ok := map[string]float64{"ms": 1e3, "us": 1e6, "µs": 1e6, "ns": 1e9}[m.Unit]
	if !ok {
		scale = 1
	}
	podSpread := a.PodSpread / 2
	exceed := make([]float64, len(a.Buckets))
	prior.Bounds = make([]float64, len(a.Buckets))
	for k, b := range a.Buckets {
		prior.Bounds[k] = b * scale
		exceed[k] = .5 * math.Erfc(math.Log(b/a.Median)/a.Spread/math.Sqrt2)
	}
	form := newShape(prior.Bounds, exceed)
	perPod := prior.RequestsPerBlock / float64(s.Baseline)
	df := float64(s.Baseline - 1)
	prior.Streams = make([]judge.StreamPrior, len(exceed))
	for k, e := range exceed {
		st := judge.StreamPrior{Exceed: e, Phi: 1 - e, DF: df}
		if e > 0 {
			d := form.slope(k)
			st.Phi += perPod * d * d * a.Pace * a.Pace * inflation(a.Rho) / e
			st.Pod = podSpread * d / e
		}
		prior.Streams[k] = st
	}
	prior.Rate = a.Median * math.Exp(a.Spread*a.Spread/2) * scale
	prior.Total, _ = decayed(prior.RequestsPerBlock, 0)
	v := a.Pace*a.Pace + math.Expm1(a.Spread*a.Spread)/math.Max(perPod, 1)
	prior.Series = a.series(v, s)
	prior.Series.Scale = prior.Rate
}

// series is what is learnt of one pod against the rest, whose own log values vary by v.
func (a Assumptions) series(v float64, s Service) *judge.SeriesPrior {
	k := math.Max(float64(s.Baseline), 2)
	return &judge.SeriesPrior{
		Var: v * k / (k - 1), Rho: a.Rho, Pod: a.PodSpread / 2, DF: float64(s.Baseline - 1), Log: true,
	}
}

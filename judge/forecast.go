package judge

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// Learn reads the pre-period that a rollout announced at this moment would learn
// from, and returns what the first look would freeze of it, by metric. A metric with
// too short a history is in neither map; one that cannot be read has a problem.
// Of the rollout, the arms, the start and the weights are used.
func Learn(ctx context.Context, src queries.Source, p plan.Plan, r rollout.Rollout) (map[string]*Prior, map[string]Problem) {
	g := &gathering{
		src: src, rec: Record{Rollout: r, Plan: p}, at: r.Started,
		slots: make(chan struct{}, defaultConcurrency), problems: map[string]Problem{},
	}
	g.asked = questions(p, r)
	out := map[string]*Prior{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, q := range g.asked {
		switch {
		case q.metric == nil:
			continue
		case q.err != nil:
			g.fail(q.key, &queries.Error{Fault: queries.Rejected, Source: p.Source, Text: q.err.Error(), Err: q.err})
			continue
		}
		wg.Go(func() {
			prior, err := g.learn(ctx, q, r.Started.Truncate(q.block.D()))
			if err != nil {
				g.fail(q.key, fmt.Errorf("%s: %w", baseline, err))
				return
			}
			if prior != nil {
				mu.Lock()
				out[q.key] = prior
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return out, g.problems
}

// NewestBlock returns the start of the first block that has not closed at a moment:
// when a rollout would have to be announced so that every block before it can be read.
func NewestBlock(p plan.Plan, at time.Time) time.Time {
	return closedEnd(at, p.Lag.D(), p.Block.D())
}

// UseBounds fixes how the bounds of a histogram are used; requests is how many the canary
// is expected to serve.
func (p *Prior) UseBounds(requests float64) {
	for k := range p.Streams {
		s := &p.Streams[k]
		switch {
		case s.Exceed <= rareExceed:
			s.Use = useRare
		case s.Exceed < commonExceed && s.Exceed*requests >= minExceed:
			s.Use = useScale
		default:
			s.Use = ""
		}
	}
}

// PodLuck is what the luck of the pods costs a metric, on the log scale of the
// canary's value over the baseline's.
type PodLuck struct {
	Spread   float64 // σ_pod as the engine takes it
	Rollback float64 // log ratio from which on the canary counts as worse: the tolerance, or more
	Promote  float64 // log ratio that promotion must exclude: the margin, less luck
	// Needed is the smallest number of canary pods with which the margin can be
	// proven at all; 0 where none up to a thousand can.
	Needed int
}

// Pods are the effective pods of both arms.
type Pods struct{ Canary, Baseline float64 }

// PodLuckOf returns the luck of a metric's pods. Of a histogram it is that of its mean.
func PodLuckOf(p plan.Plan, m plan.Metric, prior *Prior, pods Pods) PodLuck {
	weighted, scale := 0, 1.0
	for _, other := range p.Metrics {
		if other.Weight > 0 {
			weighted++
		}
	}
	if rollout.Comparison(p.Comparison) == rollout.BeforeAfter {
		scale = 2
	}
	s := newSharpness(p, 1, weighted, scale)
	a := allowance{prior.seriesPods(), s, m.Worse == plan.Lower}
	rate := 1.0
	if m.Reading.Kind == queries.Ratio {
		a.pods = prior.podsOf(0, defaultPodErrors, maxPodErrors)
		if prior != nil {
			rate = prior.Rate
		}
	}
	margin := logMargin(m.Margin, m.Worse, s.scale)
	out := PodLuck{
		Spread:   a.pods.Sigma,
		Rollback: a.rollback(logMargin(m.Tolerance, m.Worse, s.scale), pods.Canary, pods.Baseline),
		Promote:  a.promote(margin, pods.Canary, pods.Baseline),
	}
	for k := 1; k <= mostPods; k++ {
		left := a.promote(margin, float64(k), pods.Baseline)
		if left > 0 || rate*math.Abs(math.Expm1(directed(left, m.Worse))) < m.Margin.Absolute*s.scale {
			out.Needed = k
			break
		}
	}
	return out
}

const mostPods = 1000

package power

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// never stands for a block that does not come.
const never = 0

// study simulates the rollouts of one metric. The plan is the caller's, except that
// no other metric says anything: those that share the error budget keep their shares,
// unspent, and a metric that counts requests stands in where this one does not.
type study struct {
	c       Config
	m       plan.Metric
	prior   *judge.Prior
	luck    judge.PodLuck
	arms    pair
	model   model
	sim     plan.Plan
	traffic string                        // name of the stand-in that counts requests
	others  map[string]judge.FrozenMetric // what is frozen of those that say nothing
	paths   []path
	blocks  int // the plan's, of each path
	own     int // the metric's
	spends  bool
	why     string // it does not

	provable atomic.Bool
	results  map[int]result
}

// begin is when every simulated rollout is announced: a midnight, at which blocks of
// any length begin.
func begin() time.Time { return time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC) }

// newStudy prepares the rollouts of a metric, or says why they cannot be simulated.
func newStudy(c Config, m plan.Metric, prior *judge.Prior) (st *study, why string) {
	st = &study{c: c, m: m, prior: prior, blocks: c.blocks(), results: map[int]result{}}
	pods := judge.Pods{Canary: float64(c.Service.Canary), Baseline: float64(c.Service.Baseline)}
	st.luck = judge.PodLuckOf(c.Plan, m, prior, pods)
	st.arms = newPair(c.Service, m, c.Plan.Block.D().Seconds(), st.luck.Spread)
	factor := 1
	if m.Block > c.Plan.Block {
		factor = int(m.Block / c.Plan.Block)
	}
	if st.own = st.blocks / factor; st.own < 1 {
		return nil, fmt.Sprintf("its block of %s is longer than the plan's deadline", m.Block)
	}
	if why := st.choose(); why != "" {
		return nil, why
	}
	st.rewrite()
	seed, err := st.seed()
	if err != nil {
		return nil, "what is known of its baseline holds numbers that cannot be written down"
	}
	st.paths = make([]path, c.Paths)
	for i := range st.paths {
		st.start(&st.paths[i], seed, uint64(i))
	}
	return st, ""
}

// unknownBaseline says why nothing can be simulated of a metric.
const unknownBaseline = "nothing is known of its baseline"

// choose picks the model that draws the metric, or says why there is none.
func (st *study) choose() (why string) {
	switch st.m.Reading.Kind {
	case queries.Ratio:
		if len(st.prior.Streams) == 0 {
			return unknownBaseline
		}
		st.model = newCounts(st.arms, st.prior)
	case queries.Histogram:
		if len(st.prior.Streams) == 0 || len(st.prior.Streams) != len(st.prior.Bounds) {
			return "no request of its baseline was seen, so that its buckets are not known"
		}
		st.model = newLatency(st.arms, st.prior)
	default:
		if st.prior.Series == nil {
			return unknownBaseline
		}
		l := newLevel(st.arms, st.prior)
		l.own, l.counter = st.own, st.m.Reading.Kind == queries.Counter
		l.cost = l.counter && st.m.Of != ""
		st.model = l
	}
	return ""
}

// rewrite makes the plan that is judged.
func (st *study) rewrite() {
	p := st.c.Plan
	p.Mode, p.AtDeadline, p.NoData, p.OnShared = plan.Enforce, plan.Hold, plan.Hold, plan.Hold
	p.Limits, p.Checks, p.DependsOn, p.Reversible = nil, nil, nil, true
	m := st.m
	m.Required = true
	p.Metrics = []plan.Metric{m}
	st.others = map[string]judge.FrozenMetric{}
	for _, o := range st.c.Plan.Metrics {
		if o.Name == m.Name || !(o.Weight > 0) {
			continue
		}
		p.Metrics = append(p.Metrics, plan.Metric{
			Name: o.Name, Kind: plan.Gauge, Reading: queries.Reading{Kind: queries.Gauge}, Worse: plan.Higher,
			Weight: o.Weight, Tolerance: o.Tolerance, Margin: o.Margin,
		})
		st.others[o.Name] = judge.FrozenMetric{Prior: silent()}
	}
	st.standIn(&p)
	st.sim = p
	st.spends, st.why = spends(m, st.prior)
}

// silent is the prior of a metric that has its share of the error budget and says
// nothing.
func silent() *judge.Prior {
	return &judge.Prior{Blocks: 60, Pods: 20, Series: &judge.SeriesPrior{Var: 1, DF: 19, Scale: 1, Log: true}}
}

// standIn adds what counts requests, where the metric does not.
func (st *study) standIn(p *plan.Plan) {
	if k := st.m.Reading.Kind; k == queries.Ratio || k == queries.Histogram {
		return
	}
	if st.traffic = st.m.Of; st.traffic == "" {
		st.traffic = "requests of " + st.m.Name
	}
	p.Metrics = append(p.Metrics, plan.Metric{
		Name: st.traffic, Kind: plan.Errors, Reading: queries.Reading{Kind: queries.Ratio}, Worse: plan.Higher,
		Tolerance: plan.Margin{Relative: .1}, Margin: plan.Margin{Relative: .5},
	})
	delete(st.others, st.traffic)
	for i, o := range p.Metrics[:len(p.Metrics)-1] {
		if o.Name == st.traffic { // it had a share of the budget, which stays unspent
			p.Metrics[i].Name = st.traffic + " (its share)"
			st.others[p.Metrics[i].Name] = judge.FrozenMetric{Prior: silent()}
		}
	}
}

// spends says whether a metric may roll back, and why not.
func spends(m plan.Metric, prior *judge.Prior) (bool, string) {
	switch {
	case !(m.Weight > 0):
		return false, "it has no weight, so that it never rolls back"
	case m.Kind != plan.Gauge:
		return true, ""
	case prior.Blocks == 0:
		return false, "a value rolls back only where its noise was learnt from several baseline pods, so its query must keep the label that tells them apart"
	case prior.Series.DF < fewPods:
		return false, "a value rolls back only where at least 6 baseline pods say how much pods differ"
	}
	return true, ""
}

// fewPods is below how many degrees of freedom the engine gives a gauge no weight.
const fewPods = 5

// seed is derived from everything that the result depends on.
func (st *study) seed() (uint64, error) {
	b, err := json.Marshal(struct {
		Plan    plan.Plan
		Service Service
		Prior   *judge.Prior
	}{st.sim, st.c.Service, st.prior})
	if err != nil {
		return 0, err
	}
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[:]), nil
}

// hourly is how much the traffic and the share of errors of one hour differ from
// another's, on the log scale: a rollout meets another hour than the one that is known.
const hourly = .2

// start draws what befalls one rollout whatever its canary is like.
func (st *study) start(p *path, seed, i uint64) {
	d := newDice(seed, 2*i)
	p.seed = d.Uint64()
	p.luck = d.NormFloat64()
	p.noise = make([]float64, st.own)
	rho := 0.0
	if st.prior.Series != nil {
		rho = min(max(st.prior.Series.Rho, 0), .99)
	}
	d.wander(p.noise, rho)
	busy := math.Exp(hourly * d.NormFloat64())
	p.rate = math.Exp(hourly * d.NormFloat64())
	p.nc, p.nb = make([]float64, st.blocks), make([]float64, st.blocks)
	for t := range p.nc {
		p.nc[t], p.nb[t] = d.poisson(st.arms.nc*busy), d.poisson(st.arms.nb*busy)
	}
	p.base = st.frame("baseline", st.arms.kb, st.model.baseline(d, p))
}

// frame gives all pods of an arm the same columns.
func (st *study) frame(arm string, pods int, of queries.Process) queries.Frame {
	block := max(st.c.Plan.Block.D(), st.m.Block.D())
	f := queries.Frame{
		Window: queries.Window{Start: begin(), End: begin().Add(block * time.Duration(st.own)), Block: block}, Bounds: st.prior.Bounds,
	}
	f.Processes = alike(arm, pods, of)
	return f
}

// alike gives the pods of an arm names and the same columns.
func alike(arm string, pods int, of queries.Process) []queries.Process {
	out := make([]queries.Process, pods)
	for i := range out {
		out[i] = of
		out[i].Name = fmt.Sprintf("%s-%03d", arm, i)
	}
	return out
}

// counted is what the stand-in saw: requests, none of them bad.
func (st *study) counted(p *path) judge.FrozenMetric {
	one := func(arm string, n []float64, pods int) queries.Frame {
		block := st.c.Plan.Block.D()
		return queries.Frame{
			Window:    queries.Window{Start: begin(), End: begin().Add(block * time.Duration(st.blocks)), Block: block},
			Processes: alike(arm, pods, queries.Process{N: each(n, pods), X: make(queries.Column, len(n))}),
		}
	}
	return judge.FrozenMetric{Canary: one("canary", p.nc, st.arms.kc), Baseline: one("baseline", p.nb, st.arms.kb)}
}

// record is what the journal would hold of a path whose canary has a regression.
func (st *study) record(p *path, size float64) judge.Record {
	frozen := map[string]judge.FrozenMetric{}
	for name, f := range st.others {
		frozen[name] = f
	}
	frozen[st.m.Name] = judge.FrozenMetric{
		Prior: st.prior, Baseline: p.base,
		Canary: st.frame("canary", st.arms.kc, st.model.canary(newDice(p.seed, 1), p, size)),
	}
	if st.traffic != "" {
		frozen[st.traffic] = st.counted(p)
	}
	comparison := rollout.Comparison(st.sim.Comparison)
	if comparison == "" {
		comparison = rollout.Concurrent
	}
	return judge.Record{
		Plan: st.sim, Frozen: judge.Frozen{Metrics: frozen},
		Rollout: rollout.Rollout{
			ID: "simulated", Service: st.sim.Service, Revision: "canary", Plan: st.sim.Name, Started: begin(), Attempt: 1, Comparison: comparison,
		},
	}
}

// look lets the engine judge a rollout after n of the plan's blocks.
func (st *study) look(r judge.Record, n int) judge.Verdict {
	seen := judge.Frozen{Metrics: make(map[string]judge.FrozenMetric, len(r.Frozen.Metrics))}
	end := begin().Add(st.sim.Block.D() * time.Duration(n))
	for name, f := range r.Frozen.Metrics {
		if w := f.Canary.Window; w.Block > 0 {
			closed := int(end.Sub(w.Start) / w.Block)
			f.Canary, f.Baseline = f.Canary.Slice(0, closed), f.Baseline.Slice(0, closed)
		}
		seen.Metrics[name] = f
	}
	r.Frozen = seen
	return judge.Evaluate(judge.Input{Record: r, At: end.Add(st.sim.Lag.D() + time.Second), Seq: 1, Closed: n, Engine: "power"})
}

// eachPath calls do for the first n paths, from all workers.
func (st *study) eachPath(ctx context.Context, n int, do func(i int)) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(st.c.Workers, n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

package judge

import (
	"fmt"
	"math"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/stats/sequential"
)

// Input is everything that a verdict depends on. Two equal inputs give the same
// verdict, byte for byte, whenever and wherever it is computed.
type Input struct {
	Record Record    `json:"record"` // with what this look froze
	At     time.Time `json:"at"`
	Seq    int       `json:"seq"`
	Closed int       `json:"closed"` // blocks closed at this look
	// Skew is how far this clock was ahead of the source's, in whole seconds.
	Skew     time.Duration      `json:"skew,omitempty"`
	Problems map[string]Problem `json:"problems,omitempty"`
	// Notes are what the source remarked at this look.
	Notes []queries.Note `json:"notes,omitempty"`
	// Checks are the results of this look; Record.Checks are the latest before it.
	Checks []checks.Result `json:"checks,omitempty"`
	Engine string          `json:"engine"`
}

// harmEvidence is the evidence from which on a verdict is no longer free of harm:
// traffic is not increased and nothing is promoted (STATISTICS §3.7).
const harmEvidence = 3

// evaluator computes one verdict.
type evaluator struct {
	in     Input
	p      plan.Plan
	r      rollout.Rollout
	tl     *timeline
	sharp  sharpness
	trials []*trial
	loads  []*loading

	traffic     string // name of the metric that counts requests; "" where none does
	trafficData FrozenMetric
	combined    []float64 // natural log of the combined evidence after each block
	latch       *Latch
	findings    []Finding
	v           Verdict
}

// gathered returns the evidence of an input, before anything is concluded from it.
func gathered(in Input) *evaluator {
	e := &evaluator{in: in, p: in.Record.Plan, r: in.Record.Rollout}
	e.traffic = trafficMetric(e.p)
	e.trafficData = in.Record.Frozen.Metrics[e.traffic]
	e.tl = newTimeline(in.Record, in.Closed, e.trafficData)
	e.start()
	e.judgeMetrics()
	return e
}

// Evaluate computes the verdict of an input. It is pure.
func Evaluate(in Input) Verdict {
	e := gathered(in)
	e.combine()
	e.findTraffic()
	e.findShared()
	e.findNotes()
	e.findLimits()
	e.findChecks()
	e.findLoads()
	e.findAlerts()
	e.findRollout()
	e.findMetrics()
	e.findOverrides()
	e.decide()
	e.answerOverrides()
	e.finish()
	return e.v
}

// trafficMetric returns the metric whose requests are the rollout's traffic: the
// first that is required, else the first, that counts requests. A proportion counts
// something else (sessions, client errors' requests) and comes last.
func trafficMetric(p plan.Plan) string {
	best, rank := "", 4
	for _, m := range p.Metrics {
		if m.Reading.Kind != queries.Ratio && m.Reading.Kind != queries.Histogram && m.Kind != plan.Rate {
			continue
		}
		r := 0
		if m.Kind == plan.Proportion {
			r = 2
		}
		if !m.Required {
			r++
		}
		if r < rank {
			best, rank = m.Name, r
		}
	}
	return best
}

func (e *evaluator) start() {
	e.sharp = sharpnessOf(e.p, e.r)
	e.v = Verdict{
		Seq: e.in.Seq, At: e.in.At.UTC(), Engine: e.in.Engine, Rollout: e.r, Mode: string(e.p.Mode),
		Threshold: *log10(e.sharp.rollback),
	}
	e.v.Promise = Promise(e.p, e.r.Comparison)
	e.v.ID = fmt.Sprintf("%s-%d", e.r.ID, e.in.Seq)
	e.v.Progress = Progress{Block: e.p.Block.String(), Blocks: e.tl.closed}
	if e.tl.closed > 0 {
		e.v.Progress.To = e.tl.end(e.tl.closed - 1).UTC()
	}
}

// judgeMetrics gathers the evidence of each metric, and of each load.
func (e *evaluator) judgeMetrics() {
	for _, m := range e.p.Metrics {
		if e.r.Comparison == rollout.ChecksOnly {
			break
		}
		tr := &trial{m: m, frozen: e.in.Record.Frozen.Metrics[m.Name]}
		e.trials = append(e.trials, tr)
		if e.unusable(tr) {
			continue
		}
		e.gatherEvidence(tr)
		if tr.frozen.Week.Window.Len() > 0 && tr.trouble == Undecided {
			e.againstWeek(tr)
		}
		e.settle(tr)
	}
	e.judgeLoads()
	e.share()
}

// gatherEvidence judges one metric by the engine of its kind.
func (e *evaluator) gatherEvidence(tr *trial) {
	m, s := tr.m, e.sharp.of(e.p, tr.m)
	switch {
	case m.Kind == plan.Rate:
		e.judgeRate(tr)
	case m.Of != "" && m.Reading.Kind == queries.Counter:
		of, ok := e.in.Record.Frozen.Metrics[m.Of]
		if !ok {
			tr.trouble, tr.reason = NoData, fmt.Sprintf("the requests of %s have not been read", m.Of)
			return
		}
		judgeGauge(tr, e.tl, s, &of)
	case m.Reading.Kind == queries.Ratio:
		judgeRatio(tr, e.tl, s)
	case m.Reading.Kind == queries.Histogram:
		judgeLatency(tr, e.tl, s)
	default:
		judgeGauge(tr, e.tl, s, nil)
	}
}

// againstWeek also compares a before-after canary with the same hours a week
// earlier, and keeps the lesser evidence of harm: it must be worse than both pasts.
func (e *evaluator) againstWeek(tr *trial) {
	past := &trial{m: tr.m, frozen: tr.frozen}
	past.frozen.Baseline = tr.frozen.Week
	e.gatherEvidence(past)
	if past.paired == 0 || past.worse == nil {
		return
	}
	for t := range tr.worse {
		tr.worse[t] = math.Min(tr.worse[t], valueAt(past.worse, t))
	}
	tr.details = joinDetails(tr.details, "compared with the hour before and with the same time a week earlier (not concurrent)")
}

// unusable gives a metric that cannot be judged its class and sentence.
func (e *evaluator) unusable(tr *trial) bool {
	f := tr.frozen
	problem, failed := e.in.Problems[tr.m.Name]
	switch {
	case failed && f.Canary.Window.Len() == 0:
		tr.trouble, tr.reason = QueryFailed, problem.Text
	case identical(f):
		tr.trouble = SameSeries
		tr.reason = "both arms return the very same series: the query is not narrowed to one arm, so that the service is compared with itself"
	case neverSeen(f):
		tr.trouble = NeverSeen
		tr.reason = noteText(f.Canary, queries.NoteNeverSeen)
	case f.Canary.Window.Len() == 0:
		tr.trouble, tr.reason = NoData, "no block has closed yet"
	default:
		return false
	}
	return true
}

// settle classes a metric whose evidence exists but rests on nothing.
func (e *evaluator) settle(tr *trial) {
	if tr.trouble != Undecided {
		return
	}
	if problem, failed := e.in.Problems[tr.m.Name]; failed {
		tr.trouble, tr.reason = QueryFailed, problem.Text+"; what was read before counts, nothing newer does"
		return
	}
	if tr.paired == 0 {
		tr.trouble, tr.reason = NoData, e.whyUnpaired(tr)
	}
}

func joinDetails(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// stillWarm is why there is nothing to compare yet that needs no mending.
const stillWarm = "the canary is still warming up"

// whyUnpaired says which arm lacks data.
func (e *evaluator) whyUnpaired(tr *trial) string {
	has := func(f queries.Frame) bool {
		t := f.Total()
		for _, col := range []queries.Column{t.N, t.V} {
			for _, v := range col {
				if !queries.IsGap(v) {
					return true
				}
			}
		}
		return false
	}
	c, b := has(tr.frozen.Canary), has(tr.frozen.Baseline)
	switch {
	case !c && !b:
		return "neither arm has a single sample: check the query and its labels with serin plan check"
	case !c:
		return "the canary has no sample"
	case !b:
		return "the baseline has no sample"
	case e.tl.first == unknownBlock || e.tl.first >= e.tl.closed:
		return stillWarm
	}
	return "no block yet in which both arms have data"
}

// share normalises the weights over the metrics whose null is valid. A metric
// without data keeps its share, unspent: its evidence is 1.
func (e *evaluator) share() {
	var sum float64
	for _, tr := range e.trials {
		if w := e.rawWeight(tr); w > 0 {
			tr.weight = w
			sum += w
		}
	}
	for _, tr := range e.trials {
		if sum > 0 {
			tr.weight /= sum
		}
	}
}

func (e *evaluator) rawWeight(tr *trial) float64 {
	switch {
	case tr.load:
	case tr.trouble == CannotJudge || tr.trouble == SameSeries || tr.trouble == NeverSeen || tr.m.Kind == plan.Rate:
		return 0
	case tr.m.Kind == plan.Gauge && tr.frozen.Prior.learnt() && tr.frozen.Prior.Series != nil && tr.frozen.Prior.Series.DF < 5:
		return 0 // too few pods to know how much they differ (STATISTICS §0a.7)
	case tr.m.Kind == plan.Gauge && !tr.frozen.Prior.learnt():
		return 0
	case tr.m.Kind == plan.Gauge && tr.frozen.Prior.Calibration.lacking():
		return 0 // spiky, and too few pods to know how much its evidence exaggerates
	}
	return tr.m.Weight
}

// combine averages the metrics' evidence after each block and finds the first
// block at which it is decisive: from there on the rollout is rolled back, whether
// anybody asked then or not. Blocks beyond the plan's horizon are not looked at.
func (e *evaluator) combine() {
	e.combined = make([]float64, e.span())
	spending, weights := e.spending()
	if len(spending) == 0 {
		e.latch = e.in.Record.Latch
		return
	}
	logs := make([]float64, len(spending))
	looked := e.consulted()
	if len(e.loads) > 0 {
		looked = len(e.combined) // no plan has both loads and a horizon
	}
	for t := range e.combined {
		for i, tr := range spending {
			logs[i] = valueAt(tr.worse, t)
		}
		e.combined[t] = sequential.Mix(logs, weights)
		if e.latch == nil && t < looked && e.combined[t] >= e.sharp.rollback {
			e.latch = e.latchAt(t, spending, weights)
		}
	}
	if e.in.Record.Latch != nil {
		e.latch = e.in.Record.Latch
	}
}

// spending returns the trials that share the error budget, and their shares.
func (e *evaluator) spending() (of []*trial, weights []float64) {
	for _, tr := range e.trials {
		if tr.weight > 0 {
			of, weights = append(of, tr), append(weights, tr.weight)
		}
	}
	return of, weights
}

// valueAt returns evidence after block t; where a metric was read less far, it
// stays what it was.
func valueAt(ev []float64, t int) float64 {
	if len(ev) == 0 {
		return 0
	}
	return ev[max(min(t, len(ev)-1), 0)]
}

// latchAt names the metrics to blame: those that closed testing blames by
// themselves, or else the largest contributor.
func (e *evaluator) latchAt(t int, of []*trial, weights []float64) *Latch {
	logs := make([]float64, len(of))
	for i, tr := range of {
		logs[i] = valueAt(tr.worse, t)
	}
	l := &Latch{Block: t, End: e.tl.end(t).UTC(), Proven: true}
	top, topLog := 0, math.Inf(-1)
	for i, adjusted := range sequential.Holm(logs, weights) {
		if adjusted >= e.sharp.rollback {
			l.Metrics = append(l.Metrics, of[i].m.Name)
		}
		if c := logs[i] + math.Log(weights[i]); c > topLog {
			top, topLog = i, c
		}
	}
	if len(l.Metrics) == 0 {
		l.Metrics = []string{of[top].m.Name}
	}
	return l
}

// harm reports whether the newest evidence speaks of harm, however weakly.
func (e *evaluator) harm() bool { return last(e.combined) >= math.Log(harmEvidence) }

package judge

import (
	"fmt"
	"math"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// log10 returns natural logarithms as rounded log10, as evidence travels. Minus
// infinity becomes -300: JSON has no infinities.
func log10(ln float64) *float64 {
	v := math.Max(ln/math.Ln10, -300)
	if math.IsNaN(v) {
		v = 0
	}
	v = round(math.Min(v, 1e6))
	return &v
}

func logInverse(p float64) float64 { return -math.Log(p) }

// findMetrics writes one finding for each metric.
func (e *evaluator) findMetrics() {
	blamed := map[string]bool{}
	if e.latch != nil {
		for _, n := range e.latch.Metrics {
			blamed[n] = true
		}
	}
	for _, tr := range e.trials {
		f := Finding{
			Name: tr.m.Name, About: AboutMetric, Class: tr.trouble, Critical: tr.m.Critical, Required: tr.m.Required,
			Weight: round(tr.weight), Effect: roundEffect(tr.effect),
		}
		if tr.worse != nil {
			f.Worse = log10(valueAt(tr.worse, e.readAt()))
		}
		if tr.certifies {
			f.NotWorse = log10(tr.notWorse)
		}
		e.classify(&f, tr, blamed[tr.m.Name])
		if f.Reason = e.sentence(f, tr); tr.load {
			f.Reason = e.loadSentence(f, tr)
		}
		f.Next = e.next(f, tr)
		e.findings = append(e.findings, f)
	}
}

// classify gives a metric's finding its class and its consequences.
func (e *evaluator) classify(f *Finding, tr *trial, blamed bool) {
	switch {
	case blamed:
		f.Class, f.RollsBack = Worse, true
	case tr.trouble == Shown:
	case tr.trouble != Undecided:
		f.Holds = tr.m.Required
		f.Stops = tr.m.Required && (tr.trouble == QueryFailed || tr.trouble == SameSeries || tr.trouble == NeverSeen)
		f.RollsBack = tr.m.Critical && e.p.NoData == plan.Rollback && e.missingLong(tr)
	case tr.cannot != "" && !tr.certifies:
		f.Class, f.Holds = CannotJudge, tr.m.Required
	case tr.certifies && tr.notWorse >= logInverse(e.sharp.beta) && tr.m.Kind != plan.Rate:
		f.Class = NotWorse
	case tr.m.Kind == plan.Rate && tr.worse != nil && last(tr.worse) >= logInverse(e.p.Alpha):
		f.Class, f.Holds = SampleRatio, true
	case tr.m.Weight == 0 && !tr.m.Required:
		f.Class = Shown
	case tr.canaryN > 0 && tr.canaryN < float64(e.p.MinRequests):
		f.Class, f.Holds = TooFew, tr.m.Required
	default:
		f.Holds = tr.m.Required
	}
}

// missingLong reports whether a metric has had no paired data for longer than the
// plan allows.
func (e *evaluator) missingLong(tr *trial) bool {
	if e.tl.open == unknownBlock || (tr.trouble != NoData && tr.trouble != QueryFailed) {
		return false
	}
	got := 0
	if tr.trouble == QueryFailed {
		got = tr.frozen.Canary.Window.Len()
	}
	return e.tl.closed-max(got, e.tl.open) >= max(e.p.NoDataBlocks, 1)
}

// findLimits walks the plan's limits. The earliest that fires latches like
// evidence does.
func (e *evaluator) findLimits() {
	for _, l := range e.p.Limits {
		f := Finding{Name: l.Name, About: AboutLimit}
		if problem, failed := e.in.Problems[limitKey(l)]; failed {
			f.Class, f.Reason, f.Holds, f.Stops = QueryFailed, problem.Text, true, true
			e.findings = append(e.findings, f)
			continue
		}
		x := e.judgeLimit(l)
		f.Class, f.Reason = x.class, x.reason
		switch x.class {
		case LimitHit:
			f.RollsBack = true
			if e.in.Record.Latch == nil && (e.latch == nil || x.block < e.latch.Block) {
				e.latch = &Latch{Block: x.block, End: e.tl.end(x.block).UTC(), Reason: x.reason, Metrics: []string{l.Name}, Proven: true}
			}
		case Environment:
			f.Holds, f.Stops = true, true
		}
		e.findings = append(e.findings, f)
	}
}

// findChecks reports the checks. A required check that fails holds; one that fails
// at two looks running is a limit that is crossed; a critical one rolls back at once.
// What fails on both arms is the environment's: it holds, and blames nobody.
func (e *evaluator) findChecks() {
	now, before := byName(e.in.Checks), byName(e.in.Record.Checks)
	for _, s := range e.p.Checks {
		if s.Load != nil {
			continue
		}
		f := Finding{Name: s.Name, About: AboutCheck, Critical: s.Critical, Required: s.Required}
		r, ran := now[s.Name]
		if !ran {
			r, ran = before[s.Name]
		}
		switch {
		case !ran:
			f.Class, f.Reason, f.Holds = NoData, e.notRun(s), s.Required
			f.Stops = s.Required && s.When != checks.AtEnd
		case r.Status == checks.Passed:
			f.Class, f.Reason = Passed, r.Reason
		case r.Status == checks.Failed:
			f.Class, f.Reason, f.Holds, f.Stops = CheckFailed, r.Reason, s.Required, s.Required
			_, ranNow := now[s.Name]
			again := ranNow && before[s.Name].Status == checks.Failed
			f.RollsBack = s.Critical || (s.Required && again && e.tl.clock != unknownBlock)
			if again {
				f.Reason += " (and at the look before)"
			}
		case r.Status == checks.Environment:
			f.Class, f.Reason, f.Holds, f.Stops = Environment, r.Reason, s.Required, s.Required
			f.Next = "mend what both arms depend on; the check is run again at the next look"
		default:
			f.Class, f.Reason, f.Holds, f.Stops = CheckBroken, r.Reason, s.Required, s.Required
			f.Next = e.againBeside(r)
		}
		e.findings = append(e.findings, f)
	}
}

// againBeside says of a check that outlasted a look how far it is beside the looks.
func (e *evaluator) againBeside(r checks.Result) string {
	for _, u := range e.in.Record.Underway {
		if r.Cut && u.Name == r.Name {
			return u.words()
		}
	}
	return ""
}

func whenWords(w checks.When) string {
	switch w {
	case checks.BeforeTraffic:
		return "it is run before traffic"
	case checks.AtEnd:
		return "it is run when the last promotion is asked for"
	}
	return "it is run at each look"
}

func byName(rs []checks.Result) map[string]checks.Result {
	m := make(map[string]checks.Result, len(rs))
	for _, r := range rs {
		m[r.Name] = r
	}
	return m
}

// findReach says whether a verdict is within reach of this traffic, from the
// pre-period's rates: at the first look, when it can still be helped.
func (e *evaluator) findReach() {
	horizon := float64(e.p.MaxDuration.D() / e.tl.block)
	for _, tr := range e.trials {
		p := tr.frozen.Prior
		if !tr.m.Required || !p.learnt() || tr.m.Reading.Kind != queries.Ratio || tr.m.Kind != plan.Errors || len(p.Streams) == 0 {
			continue
		}
		need := e.blocksToPromote(tr, p)
		if need <= horizon {
			continue
		}
		words := fmt.Sprintf("proving %s not worse takes about %s of this traffic (%s requests a block, %s for the canary), and the plan allows %s",
			tr.m.Name, minutes(e.tl.block*timeBlocks(int(math.Min(need, 1e6)))), count(p.RequestsPerBlock),
			percent(forecastShare(e.r, e.v.Progress.Share)), minutes(e.p.MaxDuration.D()))
		next := "give the canary more traffic, allow a longer maxDuration, or a wider margin"
		switch e.p.LowTraffic {
		case plan.LowLoad:
			next = "send it load, as the plan's lowTraffic says; " + next
		case plan.LowLonger:
			next = "let it run longer, as the plan's lowTraffic says; " + next
		}
		e.findings = append(e.findings, Finding{Name: "reach", About: AboutTraffic, Class: Warning, Reason: words, Next: next})
		return
	}
}

// forecastShare is the canary's share of requests that forecasts assume: the
// observed one where there is one, else the highest declared one, else 5 %.
func forecastShare(r rollout.Rollout, observed *float64) float64 {
	if observed != nil && *observed > 0 {
		return *observed
	}
	most := 0.0
	for _, w := range r.Weights {
		most = math.Max(most, w.Percent/100)
	}
	if most > 0 {
		return most
	}
	return defaultShare
}

const defaultShare = 0.05

// blocksToPromote estimates the blocks until the promote side is decisive for a
// healthy canary, from the growth rate of its evidence: the Poisson divergence of
// the baseline's rate from the boundary, tempered by φ.
func (e *evaluator) blocksToPromote(tr *trial, p *Prior) float64 {
	share := forecastShare(e.r, e.v.Progress.Share)
	nc := p.RequestsPerBlock * share
	rate := math.Max(p.Rate, 1e-6)
	alw := allowance{p.podsOf(0, defaultPodErrors, maxPodErrors), e.sharp, false}
	kb := math.Max(float64(p.Pods), 1)
	margin := alw.promote(math.Log1p(tr.m.Margin.Relative*e.sharp.scale), math.Max(kb*share, 1), kb)
	limit := math.Exp(margin)*rate + tr.m.Margin.Absolute*e.sharp.scale
	if nc <= 0 || limit <= rate {
		return math.Inf(1)
	}
	growth := nc * (limit - rate + rate*math.Log(rate/limit)) * (1 - share) / p.Streams[0].Phi
	const gridPrice = 1.8 // log 6: the alternatives share the mass
	return (logInverse(e.sharp.beta) + gridPrice) / growth
}

// deadline returns how long the plan's clocks have run, and whether they are out.
func (e *evaluator) deadline() (time.Duration, bool) {
	d := e.tl.elapsed()
	if e.r.Comparison == rollout.ChecksOnly {
		d = e.in.At.Sub(e.r.Started) // no traffic starts these clocks
	}
	return d, d >= e.p.MaxDuration.D()
}

func roundEffect(x *Effect) *Effect {
	if x == nil {
		return nil
	}
	c := *x
	for _, v := range []*float64{&c.Canary, &c.Baseline, &c.Ratio, &c.Dispersion, &c.PodSpread} {
		*v = round(*v)
		if !finite(*v) {
			*v = 0
		}
	}
	for _, v := range []**float64{&c.Low, &c.High} {
		if *v != nil {
			r := round(**v)
			*v = &r
			if !finite(r) {
				*v = nil
			}
		}
	}
	return &c
}

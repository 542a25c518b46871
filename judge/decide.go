package judge

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// decide turns evidence and findings into the outcome and the three answers.
func (e *evaluator) decide() {
	e.v.Phase = e.phase()
	e.latchFindings()
	missing := e.missingForPromote()
	switch {
	case e.latch != nil:
		e.v.Outcome, e.v.Proven = Rollback, e.latch.Proven
		e.v.Reason = e.latch.Reason
	case len(missing) == 0 && e.r.Comparison != rollout.BeforeAfter:
		e.v.Outcome, e.v.Proven = Promote, true
		e.v.Reason = e.promoteReason()
	default:
		e.undecided(missing)
	}
	e.answerRollBack()
	e.answerAdvance()
	e.answerPromotion(missing)
}

// phase says where the rollout is in its life.
func (e *evaluator) phase() rollout.Phase {
	switch {
	case !e.in.Record.Closed.IsZero():
		return rollout.Closed
	case e.tl.open == unknownBlock:
		return rollout.Announced
	case e.traffic != "" && e.v.Progress.Paired == 0:
		return rollout.Warming
	}
	return rollout.Judging
}

// latchFindings latches what rolls back by policy: a check, missing data, shared
// damage. Evidence and limits have latched already, at their own block.
func (e *evaluator) latchFindings() {
	if e.latch == nil {
		for _, f := range e.findings {
			if f.RollsBack {
				at := max(e.tl.closed-1, 0)
				e.latch = &Latch{
					Block: at, End: e.tl.end(at).UTC(), Metrics: []string{f.Name}, Reason: f.Name + ": " + f.Reason,
					Proven: f.Class != Silent && f.Class != NoData && f.Class != QueryFailed && f.Class != AlertFiring,
				}
				break
			}
		}
	}
	if e.latch != nil && e.latch.Reason == "" {
		l := *e.latch
		l.Reason = e.evidenceReason(l)
		e.latch = &l
	}
	e.v.Latched = e.latch
}

// evidenceReason is the sentence of a rollback by evidence.
func (e *evaluator) evidenceReason(l Latch) string {
	var parts []string
	for _, n := range l.Metrics {
		for _, f := range e.findings {
			if f.Name == n && f.About == AboutMetric {
				parts = append(parts, f.Reason)
			}
		}
	}
	combined := valueAt(e.combined, l.Block)
	if e.r.Comparison == rollout.ChecksOnly {
		return fmt.Sprintf("%s; all loads together: evidence %s, where %s rolls back (false-alarm budget %s)",
			strings.Join(parts, "; "), odds(*log10(combined)), odds(e.v.Threshold), percent(e.p.Alpha))
	}
	return fmt.Sprintf("%s; all metrics together: evidence %s after %s, where %s rolls back (false-alarm budget %s)",
		strings.Join(parts, "; "), odds(*log10(combined)), minutes(e.tl.block*timeBlocks(l.Block+1-max(e.tl.open, 0))),
		odds(e.v.Threshold), percent(e.p.Alpha))
}

// missingForPromote lists what the promote outcome still lacks, in plain words,
// the weightiest first. Nothing missing means promote.
func (e *evaluator) missingForPromote() []string {
	var out []string
	for _, f := range e.findings {
		if f.Holds && f.About != AboutMetric {
			out = append(out, f.Name+": "+f.Reason)
		}
	}
	out = append(out, e.missingMetrics()...)
	if e.harm() {
		out = append(out, fmt.Sprintf("evidence of harm is %s, and promotion wants less than %d:1", odds(*log10(last(e.combined))), harmEvidence))
	}
	if e.r.Comparison == rollout.ChecksOnly {
		return append(out, e.missingChecks()...)
	}
	g := e.v.Progress
	if e.traffic != "" {
		if g.Paired < e.p.MinBlocks {
			out = append(out, fmt.Sprintf("%d of %d paired blocks", g.Paired, e.p.MinBlocks))
		}
		if g.CanaryRequests < float64(e.p.MinRequests) {
			out = append(out, fmt.Sprintf("%s of %s canary requests", count(g.CanaryRequests), count(float64(e.p.MinRequests))))
		}
		if !e.v.Fresh {
			out = append(out, e.staleWords())
		}
	}
	return out
}

// missingMetrics lists the required metrics that are not proven.
func (e *evaluator) missingMetrics() []string {
	worst, proven, required := e.weakest()
	if required == 0 && e.r.Comparison != rollout.ChecksOnly && len(e.p.Metrics) > 0 {
		return []string{"no metric is required, so that nothing can prove the canary good"}
	}
	if worst == nil {
		return nil
	}
	for _, f := range e.findings {
		if f.About == AboutMetric && f.Name == worst.m.Name && !(worst.load && worst.trouble != Undecided) { // the load's own finding says that
			return []string{fmt.Sprintf("%d of %d required metrics are proven not worse; %s: %s", proven, required, f.Name, f.Reason)}
		}
	}
	return []string{fmt.Sprintf("%d of %d required metrics are proven not worse", proven, required)}
}

// missingChecks: without metrics, at least one required check must speak.
func (e *evaluator) missingChecks() []string {
	for _, s := range e.p.Checks {
		if s.Required {
			return nil
		}
	}
	return []string{"this rollout is judged by checks alone, and the plan has no required one"}
}

func (e *evaluator) staleWords() string {
	if e.tl.closed == 0 {
		return "no block has closed yet"
	}
	if e.tl.clock == unknownBlock {
		return "the canary has had no request yet"
	}
	return fmt.Sprintf("no fresh evidence: the last block with requests of both arms is %s old", blocksOf(e.v.StaleBlocks))
}

func (e *evaluator) promoteReason() string {
	var names []string
	for _, tr := range e.trials {
		if tr.m.Required {
			names = append(names, tr.m.Name)
		}
	}
	if len(names) == 0 {
		return "every required check has passed; no metric was compared"
	}
	if e.r.Comparison == rollout.ChecksOnly {
		return fmt.Sprintf("%s proven not worse than the margin at %s each, from loads of %s requests to each arm; evidence of harm %s",
			join(names), odds(*log10(logInverse(e.sharp.beta))), count(e.loadRequests()), odds(*log10(last(e.combined))))
	}
	return fmt.Sprintf("%s proven not worse than the margin at %s each, from %s and %s canary requests; evidence of harm %s",
		join(names), odds(*log10(logInverse(e.sharp.beta))), blocksOf(e.v.Progress.Paired), count(e.v.Progress.CanaryRequests),
		odds(*log10(last(e.combined))))
}

// undecided is continue before the deadline and inconclusive after it; the plan
// says what callers are told then.
func (e *evaluator) undecided(missing []string) {
	ran, over := e.deadline()
	used, nothing := e.used()
	if !over && !nothing {
		e.v.Outcome = Continue
		e.v.Reason = "not decided yet: " + strings.Join(missing, "; ")
		if len(missing) == 0 {
			e.v.Reason = "nothing speaks against the canary, but a comparison with the past proves nothing (not concurrent)"
		}
		return
	}
	e.v.Outcome = Inconclusive
	e.v.Reason = fmt.Sprintf("the deadline of %s came first: %s", minutes(e.p.MaxDuration.D()), strings.Join(missing, "; "))
	if !over {
		e.v.Reason = used + ": " + strings.Join(missing, "; ")
	}
	held := ran >= e.p.MaxDuration.D()+e.p.HoldFor.D()
	switch {
	case e.p.AtDeadline == plan.Rollback:
		e.rollBackUnproven("the plan says atDeadline: rollback")
	case held:
		e.rollBackUnproven(fmt.Sprintf("it was held for %s more without a decision", minutes(e.p.HoldFor.D())))
	case e.p.AtDeadline == plan.Promote && e.promotable():
	default:
		e.v.Page = joinDetails(e.v.Page, fmt.Sprintf("%s is held at its deadline without proof either way; decide, or it is rolled back %s after the deadline",
			e.r.Service, minutes(e.p.HoldFor.D())))
	}
}

func (e *evaluator) rollBackUnproven(why string) {
	e.v.Outcome, e.v.Proven = Rollback, false
	e.v.Reason = e.v.Reason + "; " + why + " (not proven)"
	at := max(e.tl.closed-1, 0)
	e.latch = &Latch{Block: at, End: e.tl.end(at).UTC(), Reason: e.v.Reason}
	e.v.Latched = e.latch
}

// promotable is the conditional rule for promotion at the deadline (STATISTICS
// §3.7): every point estimate below its margin, no evidence of harm, nothing held
// for any other reason than missing proof.
func (e *evaluator) promotable() bool {
	if e.harm() || !e.v.Fresh {
		return false
	}
	for _, f := range e.findings {
		if f.Holds && f.About != AboutMetric {
			return false
		}
	}
	for _, tr := range e.trials {
		if !tr.m.Required {
			continue
		}
		x := tr.effect
		if tr.hollow || x == nil || x.Blocks == 0 || (tr.trouble != Undecided && tr.trouble != CannotJudge) {
			return false
		}
		limit := x.Baseline*(1+tr.m.Margin.Relative) + tr.m.Margin.Absolute
		bad := x.Canary >= limit
		if tr.m.Worse == plan.Lower {
			bad = x.Canary <= x.Baseline*(1-tr.m.Margin.Relative)-tr.m.Margin.Absolute
		}
		if bad {
			return false
		}
	}
	return true
}

// answerRollBack says whether callers are told to roll back.
func (e *evaluator) answerRollBack() {
	a := &e.v.RollBack
	switch {
	case e.v.Outcome != Rollback:
		a.Reason = "no rollback: " + e.v.Reason
	case e.p.Mode == plan.Shadow:
		a.Reason = "shadow mode: would roll back: " + e.v.Reason
	case !e.p.Reversible:
		a.Reason = "held, not rolled back, because the plan says reversible: false: " + e.v.Reason
		e.v.Page = joinDetails(e.v.Page, "CRITICAL: this rollout cannot be reversed and is judged bad: "+e.v.Reason)
	default:
		*a = Answer{Yes: true, Reason: e.v.Reason}
	}
}

// answerAdvance says whether traffic may increase.
func (e *evaluator) answerAdvance() {
	a := &e.v.Advance
	weight, known := e.weightNow()
	noTraffic := e.tl.clock == unknownBlock && (!known || weight == 0)
	switch {
	case e.p.Mode == plan.Shadow:
		*a = Answer{true, "shadow mode: Serin never blocks"}
	case e.v.Outcome == Rollback:
		a.Reason = e.v.Reason
	case e.firstStop() != "":
		a.Reason = e.firstStop()
	case e.r.Comparison == rollout.ChecksOnly:
		*a = Answer{true, "no required check has failed"}
	case noTraffic:
		*a = Answer{true, "the canary has no traffic yet"}
	case !e.v.Fresh:
		a.Reason = e.staleWords()
	case e.v.Progress.Paired == 0:
		a.Reason = "the canary is warming up"
	case e.harm():
		a.Reason = fmt.Sprintf("evidence of harm is %s; traffic is not increased above %d:1", odds(*log10(last(e.combined))), harmEvidence)
	case e.v.Outcome == Inconclusive && !(e.p.AtDeadline == plan.Promote && e.promotable()):
		a.Reason = e.v.Reason
	case e.p.Advance == plan.WhenProven && e.v.Outcome != Promote:
		a.Reason = "the plan says advance: when-proven; " + e.v.Reason
	default:
		*a = Answer{true, fmt.Sprintf("fresh evidence of both arms, no harm (%s)", odds(*log10(last(e.combined))))}
	}
}

// firstStop returns the reason of the first finding that stops an increase.
func (e *evaluator) firstStop() string {
	for _, f := range e.findings {
		if f.Stops {
			return f.Name + ": " + f.Reason
		}
	}
	return ""
}

// answerPromotion says whether the final promotion is granted.
func (e *evaluator) answerPromotion(missing []string) {
	a := &e.v.Promotion
	switch {
	case e.p.Mode == plan.Shadow:
		*a = Answer{true, "shadow mode: Serin never blocks; it would say: " + e.v.Outcome.String()}
	case e.v.Outcome == Promote:
		if lacking := e.missingForFinal(); lacking != "" {
			a.Reason = "proven so far, but the final promotion needs more: " + lacking
			return
		}
		*a = Answer{true, e.v.Reason}
	case e.v.Outcome == Inconclusive && e.p.AtDeadline == plan.Promote && e.promotable():
		*a = Answer{true, "not proven; the plan says atDeadline: promote, and no point estimate is beyond its margin: " + e.v.Reason}
	case e.v.Outcome == Rollback:
		a.Reason = e.v.Reason
	default:
		a.Reason = e.v.Reason
		if a.Reason == "" {
			a.Reason = strings.Join(missing, "; ")
		}
	}
}

// missingForFinal says what the final promotion lacks beside proof.
func (e *evaluator) missingForFinal() string {
	if e.r.Comparison == rollout.ChecksOnly || e.traffic == "" {
		return ""
	}
	var out []string
	if d := e.tl.elapsed(); d < e.p.MinDuration.D() {
		out = append(out, fmt.Sprintf("%s of %s", minutes(d), minutes(e.p.MinDuration.D())))
	}
	if n := e.v.Progress.AtFinalStep; e.tl.final != unknownBlock && n < e.p.FinalBlocks {
		out = append(out, fmt.Sprintf("%d of %d paired blocks at the highest weight", n, e.p.FinalBlocks))
	}
	return strings.Join(out, "; ")
}

// finish orders the findings and fills in what people read.
func (e *evaluator) finish() {
	sortFindings(e.findings)
	e.v.Findings = e.findings
	e.v.Evidence = *log10(valueAt(e.combined, e.readAt()))
	e.v.Moved = e.moved()
	e.v.Score = e.score()
	g := &e.v.Progress
	g.CanaryRequests, g.BaselineRequests = round(g.CanaryRequests), round(g.BaselineRequests)
}

// score is for people who are used to one (STATISTICS §4): 0 for a metric that is
// worse, 1 for one that is proven, between one half and 1 by its evidence of harm.
func (e *evaluator) score() float64 {
	var s, w float64
	for _, tr := range e.trials {
		if tr.weight <= 0 {
			continue
		}
		q := 1.0
		ev := math.Max(last(tr.worse), 0)
		switch {
		case e.latch != nil && slices.Contains(e.latch.Metrics, tr.m.Name):
			q = 0
		case tr.certifies && tr.notWorse >= logInverse(e.sharp.beta):
		default:
			q = 1 - 0.5*math.Min(1, ev/e.sharp.rollback)
		}
		s += tr.weight * q
		w += tr.weight
	}
	if w == 0 {
		return 0
	}
	return math.Round(1000*s/w) / 10
}

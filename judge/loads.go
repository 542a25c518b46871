package judge

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/loadcompare"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
)

// A load is judged like two metrics, errors and latency. Each has half of the load's
// weight, from the first look on: until a load has been sent its evidence is 1. Several
// loads of one check are compared as one that was sent in pieces, whose evidence may be
// looked at after each; so a rollout's level is spent once, over all metrics, loads and
// looks (STATISTICS §4), and sending another load while nothing is proven costs none of
// it.

// loading is a load check under judgement.
type loading struct {
	spec    checks.Spec
	results []checks.Result // of its rounds, the oldest first
	trials  [2]*trial       // errors, latency
	// trouble is why the newest of them proves nothing good.
	trouble Class
	reason  string
}

// Names of a load's two findings.
func loadErrors(check string) string  { return check + " errors" }
func loadLatency(check string) string { return check + " latency" }

// AppendRounds returns the results of a plan's loads with those of one more look, in the
// order in which looks used them.
func AppendRounds(p plan.Plan, have, add []checks.Result) []checks.Result {
	for _, r := range add {
		if slices.ContainsFunc(p.Checks, func(s checks.Spec) bool { return s.Load != nil && s.Name == r.Name }) {
			have = append(have, r)
		}
	}
	return have
}

// judgeLoads gathers the evidence of the plan's loads.
func (e *evaluator) judgeLoads() {
	rounds := AppendRounds(e.p, slices.Clone(e.in.Record.Rounds), e.in.Checks)
	for _, s := range e.p.Checks {
		if s.Load == nil {
			continue
		}
		l := &loading{spec: s}
		for _, r := range rounds {
			if r.Name == s.Name {
				l.results = append(l.results, r)
			}
		}
		l.trials[0] = e.loadTrial(s, loadErrors(s.Name), plan.Errors, s.Load.Errors)
		l.trials[1] = e.loadTrial(s, loadLatency(s.Name), plan.Latency, s.Load.Latency)
		e.weigh(l)
		e.loads = append(e.loads, l)
		e.trials = append(e.trials, l.trials[0], l.trials[1])
	}
}

// loadTrial is one measure of a load as a metric of its own.
func (e *evaluator) loadTrial(s checks.Spec, name string, k plan.Kind, limits checks.LoadLimits) *trial {
	m := plan.Metric{
		Name: name, Kind: k, Worse: plan.Higher, Weight: s.Load.Weight / 2, Required: s.Required,
		Tolerance: plan.Margin{Relative: limits.Tolerance.Relative, Absolute: limits.Tolerance.Absolute},
		Margin:    plan.Margin{Relative: limits.Margin.Relative, Absolute: limits.Margin.Absolute},
	}
	if m.Unit = "s"; k == plan.Errors {
		m.Unit, m.Reading.Kind = "ratio", queries.Ratio
	}
	return &trial{m: m, load: true, worse: make([]float64, e.span())}
}

// span is how many points evidence has: one for each closed block, and one at least where
// loads speak before the first has closed.
func (e *evaluator) span() int {
	if slices.ContainsFunc(e.p.Checks, func(s checks.Spec) bool { return s.Load != nil }) {
		return max(e.tl.closed, 1)
	}
	return e.tl.closed
}

func (e *evaluator) rulesOf(l checks.Load) loadcompare.Rules {
	amount := func(w checks.Worsening) loadcompare.Amount {
		return loadcompare.Amount{Relative: w.Relative, Absolute: w.Absolute}
	}
	return loadcompare.Rules{
		Alpha: e.p.Alpha, Beta: e.sharp.beta, Requests: checks.MinLoadCompared,
		Errors: amount(l.Errors.Tolerance), ErrorMargin: amount(l.Errors.Margin),
		Slower: l.Latency.Tolerance.Relative, SlowerMargin: l.Latency.Margin.Relative,
		Exact: e.p.Sequential.Dispersion == plan.Exact,
	}
}

// weigh adds up what the loads of a check say.
func (e *evaluator) weigh(l *loading) {
	l.trouble, l.reason = NoData, e.waitingFor(l)
	var runs []checks.LoadRun
	for _, r := range l.results {
		if r.Load != nil {
			runs = append(runs, *r.Load)
		}
	}
	looked := loadcompare.Look(runs, e.rulesOf(*l.spec.Load))
	for _, r := range l.results {
		if r.Load == nil {
			l.trouble, l.reason = CheckBroken, r.Reason
			continue
		}
		seen := looked[0]
		looked = looked[1:]
		l.trouble, l.reason = Class(seen.Trouble), seen.Reason
		if !seen.Compared {
			continue
		}
		for i, m := range [...]loadcompare.Measured{seen.Errors, seen.Latency} {
			l.trials[i].after(m, e.since(r))
		}
	}
	for _, tr := range l.trials {
		if tr.trouble, tr.reason = l.trouble, l.reason; l.trouble == Undecided {
			tr.paired = tr.effect.Blocks
		}
	}
}

// since is the first point of evidence that a load is part of: the block in which it
// ended, or the newest one where that has not closed.
func (e *evaluator) since(r checks.Result) int {
	return min(e.tl.index(r.At.Add(r.Took)), e.span()-1)
}

// after takes the evidence that there is after one more load, from a point on.
func (tr *trial) after(m loadcompare.Measured, since int) {
	for t := since; t < len(tr.worse); t++ {
		tr.worse[t] = m.Worse
	}
	tr.certifies, tr.notWorse = m.Cannot == "", m.NotWorse
	tr.cannot = m.Cannot
	tr.details = m.Shown
	tr.canaryN, tr.baselineN = tr.canaryN+float64(m.CanaryN), tr.baselineN+float64(m.BaselineN)
	blocks := m.Blocks
	if tr.effect != nil {
		blocks += tr.effect.Blocks
	}
	tr.effect = &Effect{
		Canary: m.Canary, Baseline: m.Baseline, Ratio: m.Ratio, Unit: tr.m.Unit, Blocks: blocks,
		CanaryRequests: tr.canaryN, BaselineRequests: tr.baselineN, Limit: worseningWords(tr.m, tr.m.Tolerance),
	}
}

// worseningWords writes a tolerance or a margin of a load.
func worseningWords(m plan.Metric, w plan.Margin) string {
	if m.Kind == plan.Errors {
		return fmt.Sprintf("%s× + %s pp", number(1+w.Relative), number(100*w.Absolute))
	}
	return number(1+w.Relative) + "×"
}

// waitingFor says why no load of a check has been compared yet.
func (e *evaluator) waitingFor(l *loading) string {
	for _, u := range e.in.Record.Underway {
		if u.Name == l.spec.Name {
			return u.words()
		}
	}
	return "no load has been sent yet (" + whenWords(l.spec.When) + ", by a server)"
}

// loadSentence words one measure's finding: what was seen, how sure, against which limit.
func (e *evaluator) loadSentence(f Finding, tr *trial) string {
	if tr.trouble != Undecided && f.Class == tr.trouble {
		return tr.reason
	}
	tolerance, margin := worseningWords(tr.m, tr.m.Tolerance), worseningWords(tr.m, tr.m.Margin)
	s := tr.details
	switch {
	case f.Class == Worse && f.Worse != nil:
		s = fmt.Sprintf("%s: %s, above the allowed %s; evidence %s", f.Name, s, tolerance, odds(*f.Worse))
	case f.Class == NotWorse:
		s += fmt.Sprintf("; proven not worse than %s (evidence %s)", margin, odds(*f.NotWorse))
	case f.Class == CannotJudge:
		return joinDetails(s, tr.cannot)
	default:
		s += fmt.Sprintf("; undecided: %s evidence that it is worse than %s", e.evidenceWords(f), tolerance)
		if f.NotWorse != nil {
			s += fmt.Sprintf(", and %s of the %s needed that it is not worse than %s", odds(*f.NotWorse), odds(*log10(logInverse(e.sharp.beta))), margin)
		}
	}
	return s + fmt.Sprintf("; from %s requests to each arm", count(tr.canaryN))
}

// state is where a load stands: NotWorse or Worse once it is decided, or why it is not.
func (e *evaluator) state(l *loading) Class {
	if e.latch != nil && (slices.Contains(e.latch.Metrics, l.trials[0].m.Name) || slices.Contains(e.latch.Metrics, l.trials[1].m.Name)) {
		return Worse
	}
	if l.trouble != Undecided {
		return l.trouble
	}
	for _, tr := range l.trials {
		if !tr.certifies || tr.notWorse < logInverse(e.sharp.beta) {
			return Undecided
		}
	}
	return NotWorse
}

// findLoads writes the finding of each load as a check: how it stands as a whole.
func (e *evaluator) findLoads() {
	for _, l := range e.loads {
		f := Finding{Name: l.spec.Name, About: AboutCheck, Class: e.state(l), Required: l.spec.Required}
		done, most := len(l.results), l.spec.Load.MostRounds()
		switch f.Class {
		case Worse, NotWorse:
			f.Reason = map[Class]string{Worse: "the load proves the canary worse", NotWorse: "the load proves the canary not worse than its margins"}[f.Class]
			f.Reason += fmt.Sprintf(", after %d of %d", done, most)
		default:
			f.Holds = l.spec.Required
			f.Stops = f.Holds && l.spec.When != checks.AtEnd && (e.r.Comparison == rollout.ChecksOnly || l.spec.When == checks.BeforeTraffic || l.trouble == Environment || l.trouble == CheckBroken)
			f.Reason = l.reason
			if l.trouble == Undecided {
				f.Reason = fmt.Sprintf("load %d of %d proves neither side", done, most)
			}
			f.Next = e.nextLoad(l)
		}
		f.Reason += begunAgain(l.results)
		e.findings = append(e.findings, f)
	}
}

// begunAgain says which loads were sent more than once, in part.
func begunAgain(results []checks.Result) string {
	s := ""
	for _, r := range results {
		if r.Begins > 1 {
			s += fmt.Sprintf("; load %d began %d times, because what sent it ended: only the last one counts, and the arms have had requests of the others, too", r.Round, r.Begins)
		}
	}
	return s
}

// nextLoad says what comes after a load that proved nothing.
func (e *evaluator) nextLoad(l *loading) string {
	done, most := len(l.results), l.spec.Load.MostRounds()
	for _, u := range e.in.Record.Underway {
		if u.Name == l.spec.Name && u.Round > done {
			return u.words()
		}
	}
	switch {
	case done == 0:
		return ""
	case done < most:
		return fmt.Sprintf("another load is sent, %d of %d; their evidence adds up", done+1, most)
	case l.trouble == Environment:
		return "mend what both arms depend on, and begin anew: all loads that the plan allows are used up"
	}
	return "all loads that the plan allows are used up: decide, or begin anew with a longer load, a higher rate or more rounds"
}

// used reports whether a rollout that loads decide can learn nothing more: each of them
// has been sent as often as the plan allows. It says so in words.
func (e *evaluator) used() (string, bool) {
	if e.r.Comparison != rollout.ChecksOnly || len(e.loads) == 0 {
		return "", false
	}
	var names []string
	for _, l := range e.loads {
		switch {
		case e.state(l) == NotWorse:
		case len(l.results) < l.spec.Load.MostRounds():
			return "", false
		default:
			names = append(names, fmt.Sprintf("%s (%d)", l.spec.Name, len(l.results)))
		}
	}
	return "all loads that the plan allows are used up: " + strings.Join(names, ", "), len(names) > 0
}

// loadRequests is how many requests to each arm loads have compared.
func (e *evaluator) loadRequests() float64 {
	n := 0.
	for _, l := range e.loads {
		n = math.Max(n, l.trials[0].canaryN)
	}
	return n
}

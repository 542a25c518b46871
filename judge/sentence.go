package judge

import (
	"fmt"
	"math"
	"strings"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
)

// sentence words one metric's finding: what was seen, how sure, against which limit.
func (e *evaluator) sentence(f Finding, tr *trial) string {
	if tr.trouble != Undecided && f.Class == tr.trouble {
		return tr.reason
	}
	var b strings.Builder
	b.WriteString(e.effectWords(tr))
	switch f.Class {
	case Worse:
		if f.Worse == nil {
			// An earlier look saw more blocks: a clock was set back since. What it
			// latched stays.
			return "rolled back by an earlier look, which saw more than this one: " + e.latch.Reason
		}
		fmt.Fprintf(&b, ", above the allowed %s; evidence %s", limitOf(tr), odds(*f.Worse))
		if tr.m.Worse == plan.Lower {
			return strings.Replace(b.String(), "above the allowed", "below the allowed", 1) + e.afterWords(tr)
		}
	case NotWorse:
		fmt.Fprintf(&b, "; proven not worse than %s (evidence %s)", marginWords(tr), odds(*f.NotWorse))
	case CannotJudge:
		fmt.Fprintf(&b, "; cannot prove it not worse than %s: %s", marginWords(tr), tr.cannot)
	case Shown:
		if f.Worse != nil && *f.Worse >= e.v.Threshold {
			fmt.Fprintf(&b, "; decisively worse than tolerated (evidence %s), shown without weight", odds(*f.Worse))
		} else {
			b.WriteString("; shown, without weight in the verdict")
		}
	default:
		fmt.Fprintf(&b, "; undecided: %s evidence that it is worse than %s", e.evidenceWords(f), limitOf(tr))
		if f.NotWorse != nil {
			fmt.Fprintf(&b, ", and %s of the %s needed that it is not worse than %s",
				odds(*f.NotWorse), odds(*log10(logInverse(e.sharp.beta))), marginWords(tr))
		}
		b.WriteString(e.tooFewWords(tr))
	}
	return b.String() + e.afterWords(tr)
}

// evidenceWords says how strong a metric's evidence of harm is. It is decisive where it
// would roll back by itself, the other metrics having none.
func (e *evaluator) evidenceWords(f Finding) string {
	if f.Worse == nil {
		return "no"
	}
	alone := e.v.Threshold
	if f.Weight > 0 {
		alone -= math.Log10(f.Weight)
	}
	s := strength(*f.Worse, alone)
	if s == "no" {
		return s
	}
	return fmt.Sprintf("%s (%s)", s, odds(*f.Worse))
}

// afterWords ends a sentence with the bound that contributed, and what it rests on.
func (e *evaluator) afterWords(tr *trial) string {
	s := ""
	if tr.details != "" {
		s = "; " + tr.details
	}
	if tr.effect == nil {
		return s
	}
	s += fmt.Sprintf("; from %s", blocksOf(tr.effect.Blocks))
	if tr.canaryN > 0 {
		s += fmt.Sprintf(" and %s canary requests", count(tr.canaryN))
	}
	return s
}

// tooFewWords says how many requests promotion still needs.
func (e *evaluator) tooFewWords(tr *trial) string {
	if tr.canaryN == 0 || tr.canaryN >= float64(e.p.MinRequests) || !tr.m.Required {
		return ""
	}
	return fmt.Sprintf("; promotion needs %s canary requests", count(float64(e.p.MinRequests)))
}

// effectWords says what the canary and the baseline are.
func (e *evaluator) effectWords(tr *trial) string {
	x := tr.effect
	if x == nil {
		return tr.m.Name
	}
	unit := tr.m.Unit
	if tr.m.Reading.Kind == queries.Ratio {
		unit = "ratio"
	}
	name := tr.m.Name
	switch {
	case tr.m.Reading.Kind == queries.Histogram:
		name = "mean " + name
	case tr.m.Of != "":
		name += " per request of " + tr.m.Of
	}
	s := fmt.Sprintf("%s %s against the baseline's %s", name, withUnit(x.Canary, unit), withUnit(x.Baseline, unit))
	if x.Ratio <= 0 {
		return s
	}
	s += fmt.Sprintf(" (%s×", number(x.Ratio))
	switch {
	case x.Low != nil && x.High != nil:
		s += fmt.Sprintf(", always-valid interval %s–%s", number(*x.Low), number(*x.High))
	case x.Low != nil:
		s += fmt.Sprintf(", surely at least %s×", number(*x.Low))
	case x.High != nil:
		s += fmt.Sprintf(", surely at most %s×", number(*x.High))
	}
	s += ")"
	if tr.m.Reading.Kind == queries.Ratio && x.Canary > x.Baseline && tr.m.Worse != plan.Lower {
		s += fmt.Sprintf(": %s extra per 1,000 requests", number((x.Canary-x.Baseline)*1000))
	}
	return s
}

func limitOf(tr *trial) string {
	if tr.effect != nil && tr.effect.Limit != "" {
		return tr.effect.Limit
	}
	return "tolerated"
}

// marginWords writes the promote margin as the plan has it.
func marginWords(tr *trial) string {
	sign := "+"
	r := 1 + tr.m.Margin.Relative
	if tr.m.Worse == plan.Lower {
		sign, r = "−", 1-tr.m.Margin.Relative
	}
	s := number(r) + "×"
	if d := tr.m.Margin.Absolute; d != 0 {
		if tr.m.Reading.Kind == queries.Ratio {
			s += fmt.Sprintf(" %s %s pp", sign, number(d*100))
		} else {
			s += fmt.Sprintf(" %s %s", sign, withUnit(d, tr.m.Unit))
		}
	}
	return s
}

// next says what would change a metric's finding.
func (e *evaluator) next(f Finding, tr *trial) string {
	switch f.Class {
	case Undecided, TooFew:
		switch {
		case tr.effect == nil:
			return "more canary requests"
		case tr.canaryN == 0: // a value, which no request brings
			return "more time: evidence grows with every block"
		}
		return "more canary requests: evidence grows with every block"
	case NoData:
		if tr.reason == stillWarm {
			return "more canary requests, or time: warm-up ends by itself"
		}
		return "check with serin plan check that the query returns data for both arms"
	case QueryFailed:
		return "mend the source or the query; what is missing is fetched at the next look"
	case SameSeries:
		return "give the metric a selector that names the arm, or give the arms labels that differ"
	case NeverSeen:
		return "check the metric's name and labels; a numerator that never existed proves nothing"
	case CannotJudge:
		return tr.cannot
	case Worse:
		return "nothing: a rollback stays"
	}
	return ""
}

// weakest returns the required trial that is furthest from its proof, and how many
// of them are proven.
func (e *evaluator) weakest() (worst *trial, proven, required int) {
	least := math.Inf(1)
	for _, tr := range e.trials {
		if !tr.m.Required {
			continue
		}
		required++
		ev := math.Inf(-1)
		if tr.certifies && tr.trouble == Undecided {
			ev = tr.notWorse
		}
		if ev >= logInverse(e.sharp.beta) {
			proven++
			continue
		}
		if ev < least || worst == nil {
			worst, least = tr, ev
		}
	}
	return worst, proven, required
}

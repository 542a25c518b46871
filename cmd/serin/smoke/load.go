package smoke

import (
	"fmt"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/loadcompare"
)

// Levels are how often a load may be judged wrongly, as the plan says it.
type Levels struct {
	Alpha, Beta float64
	Exact       bool // requests are taken to be independent of each other
}

// compared says of a load what it proves: it failed where the canary is proven worse
// than the tolerance, and passed where it is proven not worse than the margin. One load
// is sent; what it leaves open stays open.
func (s Suite) compared(c checks.Spec, r checks.Result) checks.Result {
	if c.Load == nil || r.Status != checks.Measured || r.Load == nil {
		return r
	}
	amount := func(w checks.Worsening) loadcompare.Amount {
		return loadcompare.Amount{Relative: w.Relative, Absolute: w.Absolute}
	}
	v := loadcompare.Compare(*r.Load, loadcompare.Rules{
		Alpha: s.Levels.Alpha, Beta: s.Levels.Beta, Exact: s.Levels.Exact, Requests: checks.MinLoadCompared,
		Errors: amount(c.Load.Errors.Tolerance), ErrorMargin: amount(c.Load.Errors.Margin),
		Slower: c.Load.Latency.Tolerance.Relative, SlowerMargin: c.Load.Latency.Margin.Relative,
	})
	sent := fmt.Sprintf("%d requests to each arm", len(r.Load.Canary))
	r.Status, r.Reason = checks.Broken, sent+": "+v.Reason
	switch v.Class {
	case loadcompare.Worse:
		r.Status = checks.Failed
	case loadcompare.NotWorse:
		r.Status = checks.Passed
	case loadcompare.Environment:
		r.Status = checks.Environment
	case loadcompare.Undecided:
		r.Reason = sent + " prove neither side; a longer duration may: " + v.Reason
	case loadcompare.NoData, loadcompare.TooFew, loadcompare.CannotJudge:
	}
	return r
}

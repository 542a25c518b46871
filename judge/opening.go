package judge

import (
	"slices"

	"github.com/serin-canary/serin/judge/rollout"
)

// failingLooks is at how many looks running a required check must fail before a rollout
// may not begin; a critical one fails it at once. The answer cannot be taken back, and a
// process that has only just started may need a moment.
const failingLooks = 2

// Opening is what a verdict's required checks say of a rollout that is about to begin.
// The zero value waits.
type Opening struct {
	// Open says that every one that is due has passed.
	Open bool
	// Failed says that one of them failed, Critical that it is one that fails at once.
	Failed, Critical bool
	// Reason names the check that speaks against it.
	Reason string
}

// Opening reads what required checks say. A check that failed is named before one that
// is waited for. What has not been run, could not be run, or fails on both arms has not
// passed. Only what holds no traffic is not waited for: a check that is not run before
// the end, a load beside shared traffic.
func (v Verdict) Opening() Opening {
	waits := ""
	for _, f := range v.Findings {
		if f.About != AboutCheck || !f.Required {
			continue
		}
		switch {
		case f.Class == CheckFailed, f.Class == Worse:
			return Opening{Failed: true, Critical: f.Critical, Reason: "check " + f.Name + ": " + f.Reason}
		case waits != "", !f.Stops && slices.Contains([]Class{Passed, NotWorse, NoData, Undecided}, f.Class):
		case f.Class == CheckBroken:
			waits = "check " + f.Name + " could not be run: " + f.Reason
		default:
			waits = "check " + f.Name + ": " + f.Reason
		}
	}
	if waits != "" {
		return Opening{Reason: waits}
	}
	return Opening{Open: true, Reason: "no required check has failed"}
}

// Start is the answer to whether a rollout may begin. The zero value waits.
type Start struct {
	Decided, Yes bool
	Reason       string
}

// Start answers whether a rollout may begin, of a verdict that does not roll back.
// failing counts the looks running at which a required check failed, this one included
// when it returns.
//
//	yes    every required check that is due has passed
//	no     one failed at two looks running, or a critical one once
//	waits  for everything else
func (v Verdict) Start(failing *int) Start {
	o := v.Opening()
	if !o.Failed {
		*failing = 0
		return Start{Decided: o.Open, Yes: o.Open, Reason: o.Reason}
	}
	*failing++
	return Start{Decided: o.Critical || *failing >= failingLooks, Reason: o.Reason}
}

// Evidenced reports whether what a verdict permits rests on something: on blocks that were
// compared, on a declared weight, or on checks where only those decide.
func (v Verdict) Evidenced() bool {
	return v.Progress.Paired > 0 || v.Progress.Weight != nil || v.Rollout.Comparison == rollout.ChecksOnly
}

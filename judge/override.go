package judge

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/plan"
)

// OverrideAction is what a person decided in the judge's place.
type OverrideAction string

// What an override may do. The newest one counts; only a rollback stays whatever
// comes after it.
const (
	// OverridePromote grants advance and promotion, not proven. A rollback that was
	// latched before, or is proven later, still wins, unless DespiteHarm is set.
	OverridePromote OverrideAction = "promote"
	// OverrideRollback latches a rollback, not proven.
	OverrideRollback OverrideAction = "rollback"
	// OverrideHold refuses advance and promotion until it is cleared. A rollback
	// still wins.
	OverrideHold OverrideAction = "hold"
	// OverrideClear takes a promotion or a hold back: the judge decides again.
	OverrideClear OverrideAction = "clear"
)

// Override is a person's decision. It is a recorded input like every other: the
// verdict says who decided and why, and replays with it.
type Override struct {
	// Seq numbers the overrides of a rollout from 1. The journal sets it.
	Seq int `json:"seq"`
	// At is when it was given. The journal sets it where it is zero.
	At     time.Time      `json:"at"`
	By     string         `json:"by"` // who: the name of the token or user
	Action OverrideAction `json:"action"`
	Reason string         `json:"reason"`
	// DespiteHarm makes a promotion win over rollbacks too, proven ones included.
	DespiteHarm bool `json:"despiteHarm,omitempty"`
}

// maxOverrideText bounds who and why, in bytes: they are quoted in verdicts.
const maxOverrideText = 1000

// Validate returns everything that is wrong with an override.
func (o Override) Validate() error {
	var errs []error
	switch o.Action {
	case OverridePromote, OverrideRollback, OverrideHold, OverrideClear:
	default:
		errs = append(errs, fmt.Errorf("%q is no action; write promote, rollback, hold or clear", o.Action))
	}
	if strings.TrimSpace(o.By) == "" {
		errs = append(errs, errors.New("an override needs a name: who decided"))
	}
	if strings.TrimSpace(o.Reason) == "" {
		errs = append(errs, errors.New("an override needs a reason; it is quoted in every verdict that follows"))
	}
	if len(o.By) > maxOverrideText || len(o.Reason) > maxOverrideText {
		errs = append(errs, fmt.Errorf("the name and the reason of an override may have %d bytes each", maxOverrideText))
	}
	if o.DespiteHarm && o.Action != OverridePromote {
		errs = append(errs, fmt.Errorf("despiteHarm belongs to promote; %s does not take it", o.Action))
	}
	return errors.Join(errs...)
}

// String writes an override for a verdict's sentence.
func (o Override) String() string {
	return fmt.Sprintf("%s by %s (override, not proven): %s", o.Action, o.By, o.Reason)
}

// override returns the override in force: the newest, unless it only clears.
func (e *evaluator) override() (o Override, ok bool) {
	all := e.in.Record.Overrides
	if len(all) == 0 || all[len(all)-1].Action == OverrideClear {
		return Override{}, false
	}
	return all[len(all)-1], true
}

// findOverrides shows the override in force, and latches the first rollback among
// all of them where nothing else has been latched by this look's evidence.
func (e *evaluator) findOverrides() {
	if o, ok := e.override(); ok {
		e.findings = append(e.findings, Finding{
			Name: "override", About: AboutRollout, Class: Warning, Reason: o.String(),
			Next: "another override, or clear, gives the decision back",
		})
	}
	for _, o := range e.in.Record.Overrides {
		if o.Action != OverrideRollback || e.latch != nil {
			continue
		}
		at := max(e.tl.closed-1, 0)
		e.latch = &Latch{Block: at, End: e.tl.end(at).UTC(), Metrics: []string{"override"}, Reason: o.String()}
	}
}

// answerOverrides lets the override in force answer, after the evidence has.
func (e *evaluator) answerOverrides() {
	o, ok := e.override()
	if !ok || e.p.Mode == plan.Shadow {
		return
	}
	switch o.Action {
	case OverrideHold:
		if e.v.Outcome != Rollback {
			e.v.Advance, e.v.Promotion = Answer{Reason: o.String()}, Answer{Reason: o.String()}
		}
	case OverridePromote:
		if e.rollbackStands(o) {
			return
		}
		if e.policyLatched() {
			e.latch, e.v.Latched = nil, nil // a policy's, which the override answers
		}
		if e.v.Outcome == Promote && e.v.Promotion.Yes {
			e.v.Advance = e.v.Promotion // proven, and granted by itself
			return
		}
		reason := o.String() + "; by evidence: " + e.v.Outcome.String() + ", " + e.v.Reason
		e.v.Outcome, e.v.Proven, e.v.Reason, e.v.Page = Promote, false, reason, ""
		e.v.Advance, e.v.Promotion = Answer{true, reason}, Answer{true, reason}
		e.v.RollBack = Answer{Reason: "no rollback: " + reason}
	case OverrideRollback, OverrideClear:
	}
}

// rollbackStands says whether this verdict's rollback wins over a promotion.
func (e *evaluator) rollbackStands(o Override) bool {
	return e.v.Outcome == Rollback && !o.DespiteHarm && !e.policyLatched()
}

// policyLatched says whether this very look latched a rollback by policy: neither
// by evidence, nor because a person said so.
func (e *evaluator) policyLatched() bool {
	return e.in.Record.Latch == nil && e.v.Latched != nil && !e.v.Latched.Proven &&
		!slices.ContainsFunc(e.in.Record.Overrides, func(o Override) bool { return o.Action == OverrideRollback })
}

package pipeline

import (
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

// Answer is what a gate says of a verdict. The zero value waits.
type Answer struct {
	// Decided says that more data cannot change the answer to this question.
	Decided bool `json:"decided"`
	// Yes opens the gate; RollBack says that the canary must go, or must not begin.
	Yes      bool   `json:"yes"`
	RollBack bool   `json:"rollBack"`
	Reason   string `json:"reason"`
}

// failingLooks is at how many looks running a required check must fail before a
// rollout may not start; a critical one fails it at once. A process that has only just
// started may need a moment.
const failingLooks = 2

// question is a gate and what was seen at it so far.
type question struct {
	gate    reply.Gate
	failing int // looks running at which a required check failed
}

// answer reads a gate's answer out of a verdict, by the same table as for callers that
// are told later (package reply): rollback is no at every gate, shadow mode is always
// yes, and what is not decided waits.
func (q *question) answer(v judge.Verdict) Answer {
	if v.Mode == string(plan.Shadow) {
		return Answer{Decided: true, Yes: true, Reason: "shadow mode, which never blocks: " + v.Outcome.String() + ": " + v.Reason}
	}
	if v.RollBack.Yes {
		return Answer{Decided: true, RollBack: true, Reason: firstOf(v.RollBack.Reason, v.Reason)}
	}
	if q.gate == reply.GateStart {
		return q.start(v)
	}
	a := Answer{Reason: firstOf(v.Advance.Reason, v.Reason)}
	switch {
	case q.gate == reply.GatePromotion:
		a = Answer{Decided: v.Promotion.Yes, Yes: v.Promotion.Yes, Reason: firstOf(v.Promotion.Reason, v.Reason)}
	case v.Advance.Yes && evidenced(v):
		a.Decided, a.Yes = true, true
	case v.Advance.Yes:
		a.Reason = "the canary has had no request, and no weight is declared, so nothing is known of it; declare one with --weight"
	}
	if !a.Yes && (v.Outcome == judge.Inconclusive || v.Phase == rollout.Closed) {
		a.Decided = true
	}
	return a
}

// evidenced reports whether a permission to advance rests on something: on blocks that
// were compared, on a declared weight, or on checks where only those decide.
func evidenced(v judge.Verdict) bool {
	return v.Progress.Paired > 0 || v.Progress.Weight != nil || v.Rollout.Comparison == rollout.ChecksOnly
}

// start is no where a required check failed, and waits for one that could not be run.
func (q *question) start(v judge.Verdict) Answer {
	broken := ""
	for _, f := range v.Findings {
		if f.About != judge.AboutCheck || !f.Required {
			continue
		}
		switch f.Class {
		case judge.CheckFailed:
			q.failing++
			over := f.Critical || q.failing >= failingLooks
			return Answer{Decided: over, RollBack: over, Reason: "check " + f.Name + ": " + f.Reason}
		case judge.CheckBroken:
			broken = "check " + f.Name + " could not be run: " + f.Reason
		}
	}
	q.failing = 0
	if broken != "" {
		return Answer{Reason: broken}
	}
	return Answer{Decided: true, Yes: true, Reason: "no required check has failed"}
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

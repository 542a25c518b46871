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
		a := v.Start(&q.failing)
		return Answer{
			Decided: a.Decided || ended(v), Yes: a.Yes, RollBack: a.Decided && !a.Yes, Reason: a.Reason,
		}
	}
	a := Answer{Reason: firstOf(v.Advance.Reason, v.Reason)}
	switch {
	case q.gate == reply.GatePromotion:
		a = Answer{Decided: v.Promotion.Yes, Yes: v.Promotion.Yes, Reason: firstOf(v.Promotion.Reason, v.Reason)}
	case v.Advance.Yes && v.Evidenced():
		a.Decided, a.Yes = true, true
	case v.Advance.Yes:
		a.Reason = "the canary has had no request, and no weight is declared, so nothing is known of it; declare one with --weight"
	}
	a.Decided = a.Decided || ended(v)
	return a
}

// ended reports whether there is no use in waiting: the deadline came first, or the
// rollout is over.
func ended(v judge.Verdict) bool {
	return v.Outcome == judge.Inconclusive || v.Phase == rollout.Closed
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

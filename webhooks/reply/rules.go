package reply

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
)

// WhyGranted is why a rollout is closed whose last promotion was granted. From there
// on the baseline turns into the canary, and nothing may be compared.
const WhyGranted = "promotion granted"

// rule is the table of gates. It takes one of the verdict's answers; it decides
// nothing of its own.
//
//	gate       yes                                   no
//	start      every due required check has passed   rollback; a required check failed twice running, or a critical one once
//	step       advance, with evidence or at weight 0 rollback
//	promotion  promotion                             rollback
//
// A promotion that was granted before, while both arms had traffic, is asked as start.
//
// Everything else waits. In shadow mode the answer is always yes.
func rule(p *pending, v judge.Verdict) seen {
	s := seen{verdict: &v, reason: said(v.Outcome.String(), v.Reason)}
	if v.Mode == string(plan.Shadow) {
		s.decided, s.yes, s.shadow, s.reason = true, true, true, "shadow: "+s.reason
		return s
	}
	if v.RollBack.Yes {
		s.decided, s.reason = true, said("rollback", firstOf(v.RollBack.Reason, v.Reason))
		return s
	}
	switch p.Question.Gate {
	case GateStart:
		return ruleStart(p, s)
	case GateStep:
		if v.Advance.Yes && v.Evidenced() {
			s.decided, s.yes = true, true
		}
		s.reason = said(map[bool]string{true: "advance", false: "hold"}[s.yes], firstOf(v.Advance.Reason, v.Reason))
		if v.Advance.Yes && !s.yes {
			s.reason = "hold: the canary has had no request, and no weight is declared, so nothing is known of it"
		}
	case GatePromotion:
		if p.Question.Granted && !v.Promotion.Yes {
			return ruleGranted(p, s)
		}
		s.decided, s.yes = v.Promotion.Yes, v.Promotion.Yes
		s.reason = said(map[bool]string{true: "promote", false: "hold"}[s.yes], firstOf(v.Promotion.Reason, v.Reason))
	}
	return s
}

// ruleStart is the judge's own table of what required checks say.
func ruleStart(p *pending, s seen) seen {
	a := s.verdict.Start(&p.Failing)
	s.decided, s.yes, s.reason = a.Decided, a.Yes, a.Reason
	return s
}

// ruleGranted: a promotion that was granted while both arms had traffic stands,
// unless a required check speaks against it now.
func ruleGranted(p *pending, s seen) seen {
	s = ruleStart(p, s)
	if s.yes {
		s.reason = "promote: it was granted while both arms had traffic, and no required check has failed since"
	}
	return s
}

// over answers from the record of a rollout that is closed. A promotion that was
// granted stays granted; a newer revision, a person or the sweep grant nothing.
func (d *Desk) over(ctx context.Context, p *pending, sum journal.Summary) seen {
	s := seen{decided: true, over: true, verdict: sum.Last, reason: fmt.Sprintf("rollout %s ended at %s (%s) and is judged no more",
		sum.Rollout.ID, sum.Closed.UTC().Format(time.RFC3339), sum.Why)}
	if sum.Last != nil && sum.Last.RollBack.Yes {
		s.reason = said("rollback", firstOf(sum.Last.RollBack.Reason, sum.Last.Reason))
		return s
	}
	switch {
	case d.keepPace(ctx, p) == nil && p.Pace.Shadow:
		s.yes, s.shadow, s.reason = true, true, "shadow: "+s.reason
	case strings.HasPrefix(sum.Why, WhyGranted):
		s.yes, s.reason = true, sum.Why
		if sum.Last != nil {
			s.reason = said(sum.Why, firstOf(sum.Last.Promotion.Reason, sum.Last.Reason))
		}
	}
	return s
}

// fallBack is the answer where nothing was decided in time. A check that failed is
// no absence: then the answer is no.
func (d *Desk) fallBack(q Question, s seen) seen {
	yes := q.Fallback && !failing(q, s)
	s.reason = fmt.Sprintf("nothing was decided by %s, and the configured answer then is %s; %s",
		q.Deadline.UTC().Format("15:04:05 UTC"), map[bool]string{true: "yes", false: "no"}[yes], s.reason)
	s.decided, s.yes = false, yes
	return s
}

// failing reports whether a required check failed at the last look, where those
// decide.
func failing(q Question, s seen) bool {
	if (q.Gate != GateStart && !q.Granted) || s.verdict == nil {
		return false
	}
	return s.verdict.Opening().Failed
}

// said writes a word and a reason.
func said(word, reason string) string {
	if reason == "" {
		return word
	}
	return word + ": " + reason
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

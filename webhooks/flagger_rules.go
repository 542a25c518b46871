package webhooks

import (
	"context"
	"fmt"
	"time"

	"github.com/serin-canary/serin/judge/plan"
)

// This file is the table of hooks (docs: what each is answered with). Each rule
// takes one of the verdict's answers and says it in Flagger's words; none decides.

// said writes an outcome and a reason.
func said(word, reason string) string {
	if reason == "" {
		return word
	}
	return word + ": " + reason
}

// rulePreRollout: no, until every required check that is due has passed. A check that
// failed, could not be run, fails on both arms or has not been run has not passed.
func (s *Server) rulePreRollout(_ context.Context, l looked) (ruling, error) {
	v := l.verdict
	if o := v.Opening(); !o.Open {
		return ruling{yes: shadow(v), text: o.Reason}, nil
	}
	return ruling{yes: true, text: said(v.Outcome.String(), v.Reason)}, nil
}

// ruleRollout: no, where the canary must be rolled back, or where there has been
// no fresh evidence for as long as the plan allows and the plan says rollback.
func (s *Server) ruleRollout(ctx context.Context, l looked) (ruling, error) {
	v := l.verdict
	yes := ruling{yes: true, text: said(v.Outcome.String(), v.Reason)}
	switch {
	case shadow(v):
		return yes, nil
	case v.RollBack.Yes:
		return ruling{text: said("rollback", reasonOf(v.RollBack, v))}, nil
	case v.StaleBlocks == 0:
		return yes, nil
	}
	// The plan is the one that was pinned: the file may have changed since.
	rec, err := s.cfg.Journal.Load(ctx, l.rollout.ID)
	if err != nil {
		return ruling{}, err
	}
	p, stale := rec.Plan, staleBlocks(l)
	if p.NoData == plan.Rollback && p.Reversible && stale > 0 && stale >= p.NoDataBlocks {
		return ruling{text: fmt.Sprintf("no data: no fresh evidence for %d blocks, and the plan rolls back after %d (noData: rollback): %s",
			stale, p.NoDataBlocks, v.Reason)}, nil
	}
	return yes, nil
}

// staleBlocks returns for how many blocks there has been no evidence although the
// canary should have had traffic. Where weights are declared, the time before the
// first of them is not missing, nor is that at weight 0.
func staleBlocks(l looked) int {
	block, err := time.ParseDuration(l.verdict.Progress.Block)
	if err != nil || block <= 0 {
		return l.verdict.StaleBlocks
	}
	var since time.Time // of the weight's being above 0
	for _, w := range l.rollout.Weights {
		switch {
		case w.Percent == 0:
			since = time.Time{}
		case since.IsZero():
			since = w.At
		}
	}
	switch {
	case len(l.rollout.Weights) == 0:
		return l.verdict.StaleBlocks
	case since.IsZero():
		return 0
	}
	return min(l.verdict.StaleBlocks, int(l.verdict.At.Sub(since)/block))
}

// ruleAdvance: yes, where traffic may increase.
func (s *Server) ruleAdvance(_ context.Context, l looked) (ruling, error) {
	v := l.verdict
	if v.Advance.Yes || shadow(v) {
		return ruling{yes: true, text: said("advance", reasonOf(v.Advance, v))}, nil
	}
	return ruling{text: said("hold", reasonOf(v.Advance, v))}, nil
}

// rulePromotion: yes, where the canary may be promoted. The yes ends the judging.
func (s *Server) rulePromotion(ctx context.Context, l looked) (ruling, error) {
	v := l.verdict
	if !v.Promotion.Yes && !shadow(v) {
		return ruling{text: said("hold", reasonOf(v.Promotion, v))}, nil
	}
	if err := s.end(ctx, l.rollout, whyGranted); err != nil {
		// Ungranted until it is recorded: Flagger asks again.
		return ruling{}, err
	}
	return ruling{yes: true, text: said("promote", reasonOf(v.Promotion, v))}, nil
}

// ruleRollBack: yes, where the canary must be rolled back, and only there.
func (s *Server) ruleRollBack(_ context.Context, l looked) (ruling, error) {
	v := l.verdict
	if v.RollBack.Yes && !shadow(v) {
		return ruling{yes: true, text: said("rollback", reasonOf(v.RollBack, v))}, nil
	}
	return ruling{text: said("no rollback", reasonOf(v.RollBack, v))}, nil
}

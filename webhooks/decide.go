package webhooks

import (
	"context"
	"math"
	"strconv"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// decide asks the judge, or shares the look that is under way; last says that the
// last promotion is asked for. Where no look could be taken in time, the error is
// one that [unlooked] knows. (Where two replicas look at one rollout at once, the
// judge takes the look again that came too late.)
func (s *Server) decide(ctx context.Context, r rollout.Rollout, last bool) (judge.Verdict, error) {
	return s.looks.decide(ctx, r, last, s.now())
}

// open announces a rollout and logs what that closed.
func (s *Server) open(ctx context.Context, r rollout.Rollout, p plan.Plan) (journal.Announced, error) {
	a, err := s.cfg.Journal.Announce(ctx, r, p)
	if err == nil && a.New {
		s.opened(ctx, a)
	}
	return a, err
}

// begin opens the attempt that a rollout's Ref names, or finds the one that mine
// accepts, which may be over.
func (s *Server) begin(ctx context.Context, r rollout.Rollout, p plan.Plan, mine func(r rollout.Rollout, over bool) bool) (found, error) {
	a, err := s.cfg.Journal.Begin(ctx, r, p, mine)
	if err != nil {
		return found{}, err
	}
	if !a.New {
		sum, err := s.cfg.Journal.Get(ctx, a.Rollout.ID)
		return found{Summary: sum}, err
	}
	s.opened(ctx, a)
	return found{Summary: journal.Summary{Rollout: a.Rollout}, opened: true}, nil
}

func (s *Server) opened(ctx context.Context, a journal.Announced) {
	r := a.Rollout
	s.note(ctx, "announce", r.ID, r.Namespace+"/"+r.Service+" "+r.Revision)
	s.cfg.Log.InfoContext(ctx, "rollout opened", "rollout", r.ID, "controller", r.Controller, "namespace", r.Namespace,
		"service", r.Service, "revision", r.Revision, "attempt", r.Attempt, "plan", r.Plan, "superseded", a.Superseded)
}

// end closes a rollout and logs it.
func (s *Server) end(ctx context.Context, r rollout.Rollout, why string) error {
	if err := s.cfg.Journal.End(ctx, r.ID, s.now(), why); err != nil {
		return err
	}
	s.cfg.Log.InfoContext(ctx, "rollout closed", "rollout", r.ID, "namespace", r.Namespace, "service", r.Service,
		"revision", r.Revision, "why", why)
	s.note(ctx, "close", r.ID, why)
	return nil
}

// closedMeanwhile reads a rollout again that was found closed while it was looked
// at. It returns the cause where it is not.
func (s *Server) closedMeanwhile(ctx context.Context, id string, cause error) (journal.Summary, error) {
	sum, err := s.cfg.Journal.Get(ctx, id)
	if err == nil && live(sum) {
		err = cause
	}
	return sum, err
}

// shadow reports whether a verdict must have no consequences.
func shadow(v judge.Verdict) bool { return v.Mode == string(plan.Shadow) }

// final reports whether more data cannot change what a caller that waits is told.
func final(v judge.Verdict) bool {
	switch v.Outcome {
	case judge.Rollback, judge.Inconclusive:
		return true
	case judge.Promote:
		return v.Promotion.Yes
	}
	return v.Phase == rollout.Closed
}

// reasonOf returns an answer's reason, or else the verdict's.
func reasonOf(a judge.Answer, v judge.Verdict) string {
	if a.Reason != "" {
		return a.Reason
	}
	return v.Reason
}

// finite returns a number that JSON can hold.
func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

// number writes a score or a weight for people.
func number(x float64) string { return strconv.FormatFloat(finite(x), 'f', -1, 64) }

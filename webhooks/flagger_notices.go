package webhooks

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
)

// This file has the hooks that tell and do not ask. They are answered with 200
// whatever happens: a refusal would hold a rollout for ever (confirm-rollout), or
// is ignored (the others).

// confirmRollout is called while Flagger has seen a change and not begun. Its
// checksum may be the old revision's, so it opens nothing.
func (s *Server) confirmRollout(ctx context.Context, p flaggerCall) (ruling, error) {
	s.sweep(ctx, p)
	return ruling{yes: true, text: "the rollout may start; judging begins at the next hook"}, nil
}

// event is called for everything that Flagger records. It is where weights are
// told. It never opens a rollout.
func (s *Server) event(ctx context.Context, p flaggerCall) (ruling, error) {
	s.sweep(ctx, p)
	percent, ok := weightOf(p)
	if !ok {
		return ruling{yes: true, text: "noted"}, nil
	}
	if err := s.declare(ctx, p, percent); err != nil {
		s.cfg.Log.ErrorContext(ctx, "a declared weight could not be recorded",
			"namespace", p.Namespace, "service", p.Name, "percent", percent, cause(err))
		return ruling{yes: true, text: "the weight could not be recorded; the server's log says why"}, nil
	}
	return ruling{yes: true, text: "weight noted"}, nil
}

// declare records the weight of the live rollout, where there is one.
func (s *Server) declare(ctx context.Context, p flaggerCall, percent float64) error {
	sum, err := s.cfg.Journal.Newest(ctx, p.key())
	switch {
	case isNotFound(err):
		return nil
	case err != nil:
		return err
	case !live(sum):
		return nil
	}
	return ignoreClosed(s.cfg.Journal.Declare(ctx, sum.Rollout.ID, rollout.WeightAt{At: s.now(), Percent: percent}))
}

// weightOf reads the weight out of an event's message, which is the only place
// where Flagger says it: "Advance podinfo.test canary weight 20".
func weightOf(p flaggerCall) (float64, bool) {
	text, ok := strings.CutPrefix(p.Metadata["eventMessage"], "Advance "+p.Name+"."+p.Namespace+" canary weight ")
	if !ok {
		return 0, false
	}
	percent, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return percent, err == nil && checkPercent("weight", percent) == nil
}

// postRollout is called once, when a rollout has succeeded or failed.
func (s *Server) postRollout(ctx context.Context, p flaggerCall) (ruling, error) {
	n, err := s.closeAll(ctx, p, "post-rollout: "+phaseWord(p.Phase))
	switch {
	case err != nil:
		s.cfg.Log.ErrorContext(ctx, "a rollout that is over could not be closed", "namespace", p.Namespace, "service", p.Name, cause(err))
		return ruling{yes: true, text: "the rollout could not be closed; the server's log says why"}, nil
	case n == 0:
		return ruling{yes: true, text: "nothing was being judged"}, nil
	}
	return ruling{yes: true, text: "judging has ended: " + phaseWord(p.Phase)}, nil
}

// sweep closes what is still open of a Canary that Flagger says is at rest: where
// no post-rollout hook is configured, this is how the end is learnt of.
func (s *Server) sweep(ctx context.Context, p flaggerCall) {
	switch p.Phase {
	case "Initialized", "Succeeded", "Failed", "Terminating", "Terminated":
	default:
		return
	}
	if _, err := s.closeAll(ctx, p, "Flagger's phase is "+phaseWord(p.Phase)); err != nil {
		s.cfg.Log.ErrorContext(ctx, "a rollout that is over could not be closed", "namespace", p.Namespace, "service", p.Name, cause(err))
	}
}

// closeAll closes every live rollout of a Canary, of whatever checksum: Flagger
// has one at a time, and says nothing of those that a newer revision replaced.
func (s *Server) closeAll(ctx context.Context, p flaggerCall, why string) (int, error) {
	list, err := s.cfg.Journal.List(ctx, journal.Filter{Service: p.Name, Namespace: p.Namespace, Live: true})
	if err != nil {
		return 0, fmt.Errorf("list what is live: %w", err)
	}
	n := 0
	for _, sum := range list {
		if sum.Rollout.Controller != controllerFlagger {
			continue
		}
		if err := s.end(ctx, sum.Rollout, why); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// phaseWord returns the phase for people.
func phaseWord(phase string) string {
	if phase == "" {
		return "(no phase)"
	}
	return phase
}

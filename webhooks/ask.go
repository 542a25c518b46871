package webhooks

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

// trial is the rollout that a gate of a pipeline asks about.
type trial struct {
	rollout rollout.Rollout // its Ref names the pipeline's run
	plan    string          // name; empty for the service's own
	// polled says that the same question is asked again and again, so that what ended
	// is told from the record.
	polled bool
}

// onTrial finds the rollout that a gate asks about, or opens it. What it returns may
// be over: then the answer is in the record.
//
// One run of a pipeline is one attempt. A run that was told to roll back is told so
// again, and one whose revision was superseded does not take it back from the newer
// one; only another run tries anew, and ends the attempt of the run before: that one is
// told from the record, so that two runs never share, or take from each other, what is
// known of a canary. Where the promotion was granted and the same run asks at
// another gate, it has deployed again, and nothing is known of that yet.
func (s *Server) onTrial(ctx context.Context, t trial) (journal.Summary, error) {
	r := t.rollout
	p, err := s.cfg.Plans.Find(t.plan, r.Namespace, r.Service)
	if err != nil {
		return journal.Summary{}, err
	}
	if r, err = applyPlan(r, p); err != nil {
		return journal.Summary{}, err
	}
	sum, known, err := s.ofRun(ctx, r)
	switch {
	case err != nil:
		return journal.Summary{}, err
	case known && (live(sum) || t.polled || !granted(sum)):
		return sum, nil
	}
	f, err := s.begin(ctx, r, p, func(other rollout.Rollout, over bool) bool {
		return !over && other.Ref == r.Ref && other.Revision == r.Revision
	})
	return f.Summary, err
}

// ofRun returns the newest rollout that a run of a pipeline opened for a revision, live
// or over, where there is one.
func (s *Server) ofRun(ctx context.Context, r rollout.Rollout) (journal.Summary, bool, error) {
	sum, err := s.cfg.Journal.Newest(ctx, rollout.KeyOf(r))
	switch {
	case isNotFound(err):
		return sum, false, nil
	case err != nil || sum.Rollout.Ref == r.Ref:
		return sum, err == nil, err
	}
	return s.amongNewest(ctx, r, func(other rollout.Rollout) bool { return other.Ref == r.Ref && other.Revision == r.Revision })
}

// rolledBack reports whether a rollout's last verdict says that the canary must go.
func rolledBack(sum journal.Summary) bool {
	return sum.Last != nil && sum.Last.RollBack.Yes && !shadow(*sum.Last)
}

// granted reports whether a rollout ended because its promotion was granted.
func granted(sum journal.Summary) bool { return strings.HasPrefix(sum.Why, reply.WhyGranted) }

// askLater opens the rollout that a question is about, and hands the question to the
// desk. A question that was asked before is a replay: it opens nothing.
func (s *Server) askLater(ctx context.Context, t trial, weight *float64, q reply.Question) (taken, error) {
	first, asked, err := s.cfg.Asker.Asked(ctx, q.ID)
	if err != nil {
		return taken{}, unrecorded(err)
	}
	if asked {
		if err := s.stillAbout(ctx, first, t.rollout); err != nil {
			return taken{}, err
		}
		_, given, err := s.cfg.Asker.Given(ctx, q.ID)
		if err != nil {
			return taken{}, unrecorded(err)
		}
		return s.takenOf(first, given), nil
	}
	sum, err := s.onTrial(ctx, t)
	if err != nil {
		return taken{}, err
	}
	if err := s.declareAt(ctx, sum, weight); err != nil {
		return taken{}, err
	}
	q.Rollout = sum.Rollout.ID
	if err := s.cfg.Asker.Ask(ctx, q); err != nil {
		return taken{}, unrecorded(err)
	}
	s.note(ctx, "asked by "+q.Sender, q.Rollout, q.ID+" at gate "+string(q.Gate))
	return s.takenOf(q, false), nil
}

// stillAbout refuses a repetition that speaks of another service than the first
// asking: its caller would take that one's answer for its own, and learn of a rollout
// that its token may not show it.
func (s *Server) stillAbout(ctx context.Context, first reply.Question, r rollout.Rollout) error {
	sum, err := s.cfg.Journal.Get(ctx, first.Rollout)
	switch {
	case isNotFound(err):
		return nil // it is older than the record
	case err != nil:
		return unrecorded(err)
	case sum.Rollout.Namespace != r.Namespace || sum.Rollout.Service != r.Service:
		return conflict("send the IDs of the job that asks, each job its own", "the same was asked about another service before")
	}
	return nil
}

func (s *Server) takenOf(q reply.Question, answered bool) taken {
	return taken{
		Question: q.ID, Rollout: q.Rollout, Gate: string(q.Gate), Deadline: q.Deadline.UTC(), Answered: answered, Report: s.link(q.Rollout),
	}
}

// unrecorded is a question that could not be taken.
func unrecorded(err error) *HTTPError {
	if errors.Is(err, reply.ErrPast) {
		return &HTTPError{Code: http.StatusConflict, Public: "the time for an answer is over already", Next: "set the clocks, or allow for more time", Err: err}
	}
	return &HTTPError{
		Code: http.StatusServiceUnavailable, Public: "the question could not be recorded", Next: "ask again: nothing is recorded twice; /readyz says which part cannot be reached",
		Err: err, RetryAfter: 10 * time.Second,
	}
}

// taken is what a caller is told that is answered later.
type taken struct {
	Question string `json:"question"`
	Rollout  string `json:"rollout"`
	Gate     string `json:"gate"`
	// Deadline is when it is answered at the latest.
	Deadline time.Time `json:"deadline"`
	// Answered says that the same question was asked, and answered, before.
	Answered bool   `json:"answered,omitempty"`
	Report   string `json:"report"`
}

// checkGate reads what is asked; empty is the last promotion.
func checkGate(text string) (reply.Gate, error) {
	switch g := reply.Gate(text); g {
	case "":
		return reply.GatePromotion, nil
	case reply.GateStart, reply.GateStep, reply.GatePromotion:
		return g, nil
	}
	return "", bad("write promotion (default), step or start", "gate: %s is none", quoted(text))
}

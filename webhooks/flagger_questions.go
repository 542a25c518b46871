package webhooks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

// whyGranted is why a rollout is closed whose last promotion was granted. From
// there on the primary turns into the canary, and nothing may be compared.
const whyGranted = reply.WhyGranted

// grantHolds is how long a granted promotion answers calls of the same revision:
// in blue/green Flagger asks twice, an interval apart.
const grantHolds = time.Hour

// grantSettles is how long after a grant Flagger may still be on its way to promote: the
// two questions of blue/green are an interval apart. phaseWaiting is Flagger's word for
// a confirm-promotion hook that said no.
const (
	grantSettles = 10 * time.Minute
	phaseWaiting = "WaitingPromotion"
)

// question is a hook that asks the judge.
type question struct {
	hook string
	// first: the hook comes while the canary has no traffic, so it begins an attempt
	// where the revision's last one is over.
	first bool
	// last: the hook asks for the last promotion.
	last bool
	// signal: a yes is what has consequences; whatever goes wrong is a no.
	signal bool
	// traffic: the canary has traffic when the hook comes.
	traffic bool
	rule    func(s *Server, ctx context.Context, l looked) (ruling, error)
}

// looked is what a look at a rollout gave.
type looked struct {
	rollout rollout.Rollout
	verdict judge.Verdict
}

func questions() []question {
	return []question{
		{hook: "pre-rollout", first: true, rule: (*Server).rulePreRollout},
		{hook: "rollout", traffic: true, rule: (*Server).ruleRollout},
		{hook: "confirm-traffic-increase", rule: (*Server).ruleAdvance},
		{hook: "confirm-promotion", last: true, traffic: true, rule: (*Server).rulePromotion},
		{hook: "rollback", signal: true, rule: (*Server).ruleRollBack},
	}
}

// ask finds or opens the rollout, looks at it and rules.
func (s *Server) ask(ctx context.Context, q question, p flaggerCall) (ruling, error) {
	sum, err := s.attempt(ctx, q, p)
	if err != nil {
		return ruling{}, err
	}
	id := sum.Rollout.ID
	if id == "" {
		return ruling{text: "no rollback: nothing is judged of this revision yet; the next hook begins"}, nil
	}
	if !live(sum) {
		return s.late(ctx, q, sum)
	}
	v, err := s.look(ctx, q, p, sum.Rollout)
	if errors.Is(err, journal.ErrClosed) {
		if sum, err = s.closedMeanwhile(ctx, id, err); err == nil {
			return s.late(ctx, q, sum)
		}
	}
	if unlooked(err) {
		return s.unlookedRuling(ctx, q, sum, err)
	}
	if err != nil {
		return ruling{}, err
	}
	v.Reason += unread(v)
	r, err := q.rule(s, ctx, looked{sum.Rollout, v})
	r.id = id
	return r, err
}

// unlookedRuling rules where no look could be taken: by what is known. A
// pre-rollout hook asks whether checks have passed, and nobody has seen them.
func (s *Server) unlookedRuling(ctx context.Context, q question, sum journal.Summary, err error) (ruling, error) {
	ctx, cancel := pastTime(ctx)
	defer cancel()
	s.cfg.Log.WarnContext(ctx, "a hook was answered without a look", "hook", q.hook, "rollout", sum.Rollout.ID, cause(err))
	l := looked{sum.Rollout, s.standIn(ctx, sum, err)}
	if q.first && !shadow(l.verdict) {
		return ruling{text: said("hold", l.verdict.Reason), id: sum.Rollout.ID}, nil
	}
	r, err := q.rule(s, ctx, l)
	r.id = sum.Rollout.ID
	return r, err
}

// look records what the call says of the rollout and asks for a verdict.
func (s *Server) look(ctx context.Context, q question, p flaggerCall, r rollout.Rollout) (judge.Verdict, error) {
	percent, ok, err := p.weight()
	if err != nil {
		return judge.Verdict{}, err
	}
	if ok && q.traffic {
		if err := s.cfg.Journal.Declare(ctx, r.ID, rollout.WeightAt{At: s.now(), Percent: percent}); err != nil {
			return judge.Verdict{}, err
		}
	}
	if q.traffic && p.Metadata["weight"] == weightOfMetrics {
		if err := s.learnWeight(ctx, p, r); err != nil {
			return judge.Verdict{}, err
		}
	}
	if q.last {
		if err := s.cfg.Journal.FinalStep(ctx, r.ID, s.now()); err != nil {
			return judge.Verdict{}, err
		}
	}
	return s.decide(ctx, r, q.last)
}

// attempt returns the rollout that a call speaks of, and opens it where it may.
//
// Flagger's checksum is one of contents and no identity. Where the revision has
// never been seen, any question opens it (the journal was lost, or the first hook
// is not configured) but rollback, for which there is none then: Flagger asks it
// before all others, pre-rollout included, and a rollout that it opened would lack
// what the Canary's author wrote at those. Where its last rollout is over, only pre-rollout opens the
// next attempt, since a call that was under way when it ended must not. And where
// it is live although traffic has been declared, pre-rollout says that Flagger
// began anew without telling how the last attempt ended.
func (s *Server) attempt(ctx context.Context, q question, p flaggerCall) (journal.Summary, error) {
	sum, err := s.cfg.Journal.Newest(ctx, p.key())
	switch {
	case isNotFound(err):
		if q.signal {
			return journal.Summary{}, nil
		}
	case err != nil:
		return sum, err
	case !live(sum):
		if q.signal && s.ungranted(p, sum) {
			return s.reopen(ctx, sum)
		}
		if !q.first {
			return sum, nil
		}
	case q.first && hadTraffic(p, sum.Rollout):
		if err := s.end(ctx, sum.Rollout, "Flagger began again with this revision"); err != nil {
			return sum, err
		}
	default:
		return sum, nil
	}
	pl, err := s.planFor(p)
	if err != nil {
		return sum, err
	}
	r, err := p.rollout()
	if err != nil {
		return sum, err
	}
	if r, err = applyPlan(r, pl); err != nil {
		return sum, err
	}
	a, err := s.open(ctx, r, pl)
	return journal.Summary{Rollout: a.Rollout}, err
}

// ungranted reports whether Flagger has not made use of a grant: another
// confirm-promotion hook, a person's, has said no since. Then the canary goes on serving,
// and somebody must look at it.
func (s *Server) ungranted(p flaggerCall, sum journal.Summary) bool {
	return sum.Why == whyGranted && p.Phase == phaseWaiting && s.now().Sub(sum.Closed) > grantSettles
}

// reopen begins another attempt at what was granted and not promoted. The hook that asks
// for a rollback lacks what the Canary's author wrote at others, so that arms, plan and
// weight are those of the attempt before.
func (s *Server) reopen(ctx context.Context, sum journal.Summary) (journal.Summary, error) {
	newest, err := s.newestOf(ctx, sum.Rollout)
	if err != nil || newest != sum.Rollout.ID {
		return sum, err
	}
	rec, err := s.cfg.Journal.Load(ctx, sum.Rollout.ID)
	if err != nil {
		return sum, err
	}
	r, now := sum.Rollout, s.now()
	percent, known := r.WeightAtTime(now)
	r.ID, r.Started, r.FinalStep, r.Attempt, r.Weights = "", time.Time{}, time.Time{}, 0, nil
	if known {
		r.Weights = []rollout.WeightAt{{At: now, Percent: percent}}
	}
	a, err := s.open(ctx, r, rec.Plan)
	return journal.Summary{Rollout: a.Rollout}, err
}

// hadTraffic reports whether the rollout was past the weight 0 at which
// pre-rollout is asked. A constant weight from the metadata says nothing of when.
func hadTraffic(p flaggerCall, r rollout.Rollout) bool {
	if _, constant, _ := p.weight(); !constant {
		for _, w := range r.Weights {
			if w.Percent > 0 {
				return true
			}
		}
	}
	return !r.FinalStep.IsZero()
}

// late answers a call of a revision whose rollout is over. Nothing is judged any
// more; a promotion that was granted stays granted, for the calls that belong to it.
func (s *Server) late(ctx context.Context, q question, sum journal.Summary) (ruling, error) {
	no := ruling{id: sum.Rollout.ID, text: fmt.Sprintf(
		"rollout %s of this revision ended at %s (%s) and is judged no more; a pre-rollout hook opens a new attempt: add one to the Canary",
		sum.Rollout.ID, sum.Closed.UTC().Format(time.RFC3339), sum.Why)}
	if sum.Why == whyGranted {
		no.text = fmt.Sprintf("rollout %s of this revision ended at %s (%s) and is judged no more; "+
			"where another confirm-promotion hook holds it, list that one before Serin's, and add a rollback hook",
			sum.Rollout.ID, sum.Closed.UTC().Format(time.RFC3339), sum.Why)
	}
	if q.signal {
		return no, nil
	}
	if sum.Why == whyGranted && s.now().Sub(sum.Closed) <= grantHolds {
		newest, err := s.newestOf(ctx, sum.Rollout)
		if err != nil {
			return ruling{}, err
		}
		if newest == sum.Rollout.ID {
			text := whyGranted
			if sum.Last != nil {
				text += ": " + reasonOf(sum.Last.Promotion, *sum.Last)
			}
			return ruling{yes: true, text: text, id: no.id}, nil
		}
	}
	if s.pinnedShadow(ctx, sum) {
		return ruling{yes: true, text: "shadow: " + no.text, id: no.id}, nil
	}
	return no, nil
}

// newestOf returns the ID of the Canary's newest rollout, of whatever revision:
// a grant of an older one says nothing of a second attempt at it.
func (s *Server) newestOf(ctx context.Context, r rollout.Rollout) (string, error) {
	list, err := s.cfg.Journal.List(ctx, journal.Filter{Service: r.Service, Namespace: r.Namespace, Limit: 10})
	if err != nil {
		return "", err
	}
	for _, sum := range list {
		if sum.Rollout.Controller == r.Controller {
			return sum.Rollout.ID, nil
		}
	}
	return "", nil
}

// excuse answers a question that could not be put to the judge. A plan in shadow
// mode never blocks, whatever breaks; rollback is never signalled; else the error
// is the answer.
func (s *Server) excuse(ctx context.Context, q question, p flaggerCall, err error) (ruling, error) {
	e := unanswered(err)
	s.cfg.Log.WarnContext(ctx, "no verdict for a hook", "hook", q.hook, "namespace", p.Namespace, "service", p.Name,
		cause(err))
	switch {
	case q.signal && e.Code >= http.StatusInternalServerError:
		return ruling{text: "no rollback is signalled: " + e.Public}, nil
	case !q.signal && s.inShadow(ctx, p):
		return ruling{yes: true, text: "shadow: " + e.Public}, nil
	}
	return ruling{}, e
}

// unanswered says why a question could not be put to the judge: the request is
// wrong, its plan is unknown, or no verdict could be formed.
func unanswered(err error) *HTTPError {
	var e *HTTPError
	var unknown *plan.UnknownError
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &unknown):
		return unknownPlan(unknown)
	}
	return noVerdict(err)
}

// inShadow reports whether a call's plan is in shadow mode: the pinned one, or
// else the one that would be pinned. It is asked only where something failed, so
// it may not rest on the request's time.
func (s *Server) inShadow(ctx context.Context, p flaggerCall) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if sum, err := s.cfg.Journal.Newest(ctx, p.key()); err == nil && live(sum) {
		return s.pinnedShadow(ctx, sum)
	}
	pl, err := s.planFor(p)
	return err == nil && pl.Mode == plan.Shadow
}

// pinnedShadow reports whether a rollout's plan is in shadow mode.
func (s *Server) pinnedShadow(ctx context.Context, sum journal.Summary) bool {
	if sum.Last != nil {
		return shadow(*sum.Last)
	}
	rec, err := s.cfg.Journal.Load(ctx, sum.Rollout.ID)
	return err == nil && rec.Plan.Mode == plan.Shadow
}

func isNotFound(err error) bool { return errors.Is(err, journal.ErrNotFound) }

// ignoreClosed drops the error that a rollout is over.
func ignoreClosed(err error) error {
	if errors.Is(err, journal.ErrClosed) {
		return nil
	}
	return err
}

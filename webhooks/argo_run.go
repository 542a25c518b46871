package webhooks

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
)

// argoRun is the AnalysisRun that asks. A web metric does not know its own, Serin's
// metric plugin does. With it, a retry of the same revision is told apart although
// all arguments repeat, and Serin hears that a run has ended.
type argoRun struct {
	Name text `json:"name"`
	UID  text `json:"uid"`
	// Created is the run's creationTimestamp. What ended before is no answer to it.
	Created time.Time `json:"created"`
	// Ended says why the rollout is over. Such a call asks nothing: it closes what is
	// live and opens nothing.
	Ended text `json:"ended"`
}

// known reports whether a call tells its run.
func (r argoRun) known() bool { return r != argoRun{} }

// check reports what is missing or cannot be meant.
func (r argoRun) check(now time.Time) error {
	if !r.known() {
		return nil
	}
	if err := checkKube("run.name", string(r.Name)); err != nil {
		return err
	}
	if err := checkFact("run.uid", string(r.UID)); err != nil {
		return err
	}
	if r.Created.IsZero() {
		return bad("write the AnalysisRun's metadata.creationTimestamp", "run.created: missing")
	}
	if r.Created.After(now.Add(skew)) {
		return bad("set the clocks", "run.created: %s is in the future (this server's clock says %s)",
			r.Created.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

// ref is what is recorded of the run that opened a rollout.
func (r argoRun) ref() string { return strings.TrimSpace(string(r.Name) + " " + string(r.UID)) }

// toldAgain reports whether a call may belong to a rollout that has ended. A run
// does where it is older than the end. Without one, a minute decides.
func (a argoCall) toldAgain(sum journal.Summary, now time.Time) bool {
	if a.Run.known() {
		return !a.Run.Created.After(sum.Closed)
	}
	return now.Sub(sum.Closed) < delivered
}

// newestArgo returns the newest attempt that a call speaks of. A template may leave a part
// of the identity out that another one of the same Rollout gives; the two must not
// supersede each other at every measurement.
func (s *Server) newestArgo(ctx context.Context, a argoCall, r rollout.Rollout) (journal.Summary, error) {
	sum, err := s.cfg.Journal.Newest(ctx, rollout.KeyOf(r))
	if err == nil && live(sum) || err != nil && !isNotFound(err) {
		return sum, err
	}
	list, failed := s.argoList(ctx, journal.Filter{Service: r.Service, Namespace: r.Namespace, Limit: recent})
	if failed != nil {
		return sum, failed
	}
	for _, other := range list {
		if other.Rollout.Namespace == r.Namespace && a.agrees(other.Rollout) {
			return other, nil
		}
	}
	return sum, err
}

// agrees reports whether a recorded rollout is an attempt at what the call is about: what
// both tell of it is the same, and that is its hash or its number at the least.
func (a argoCall) agrees(r rollout.Rollout) bool {
	if r.Revision == a.rollout().Revision {
		return true
	}
	number := (&argoNotice{Revision: a.Revision}).number()
	if a.Revision != "" && number == 0 {
		return false // a word of its author's
	}
	mine, theirs := mark{number, string(a.CanaryHash), uidPart(a.UID)}, markOf(r)
	if mine.recreated(theirs) || mine.number > 0 && theirs.number > 0 && mine.number != theirs.number {
		return false
	}
	if mine.hash != "" && theirs.hash != "" {
		return mine.hash == theirs.hash
	}
	return mine.number > 0 && mine.number == theirs.number
}

// endRun closes the rollout of a run that has ended, and tells what became of it.
func (s *Server) endRun(ctx context.Context, a argoCall) (measured, error) {
	m := measured{word: wordInconclusive}
	sum, err := s.cfg.Journal.Newest(ctx, rollout.KeyOf(a.rollout()))
	switch {
	case isNotFound(err):
		m.verdict.Reason = "nothing was judged of this revision"
		return m, nil
	case err != nil:
		return m, err
	}
	m.id = sum.Rollout.ID
	why := sum.Why
	if live(sum) {
		if later, err := s.laterAttempt(ctx, a, sum); later || err != nil {
			m.verdict.Reason = "what this run asked about is over already; another run asks about the next attempt"
			return m, err
		}
		why = "argo: " + oneLine(string(a.Run.Ended), 200)
		err = s.end(ctx, sum.Rollout, why)
	}
	m.verdict.Reason = "the rollout is closed (" + why + ")"
	return m, err
}

// laterAttempt reports whether a live rollout is an attempt after that of a run: another
// run opened it, and one of the same revision ended while this run was there. The end of
// a run may be told late, and again.
func (s *Server) laterAttempt(ctx context.Context, a argoCall, now journal.Summary) (bool, error) {
	r := now.Rollout
	if r.Ref == a.Run.ref() {
		return false, nil
	}
	list, err := s.argoList(ctx, journal.Filter{Service: r.Service, Namespace: r.Namespace, Limit: recent})
	for _, sum := range list {
		if rollout.KeyOf(sum.Rollout) == rollout.KeyOf(r) && !live(sum) && a.toldAgain(sum, s.now()) {
			return true, err
		}
	}
	return false, err
}

// answerEnd answers a call that says that its run has ended.
func (s *Server) answerEnd(c echo.Context, a argoCall) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), s.cfg.Timeout)
	defer cancel()
	m, err := s.endRun(ctx, a)
	if err != nil {
		return unanswered(err)
	}
	return writeJSON(c, http.StatusOK, s.argoAnswer(m))
}

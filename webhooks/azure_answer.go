package webhooks

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

// azureAnswered is what a check in response mode is told. Its success criteria are
// written on verdict: eq(root['verdict'], 'promote').
type azureAnswered struct {
	// Verdict is promote where the gate is passed, else rollback, inconclusive or continue.
	Verdict string  `json:"verdict"`
	Gate    string  `json:"gate"`
	Score   float64 `json:"score"`
	Reason  string  `json:"reason"`
	Rollout string  `json:"rollout"`
	Report  string  `json:"report"`
}

// azureNow answers a check in response mode: one look.
func (s *Server) azureNow(c echo.Context, check azureCheck) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), azureAnswer)
	defer cancel()
	sum, err := s.onTrial(ctx, check.trial())
	if err != nil {
		return err
	}
	if err := s.declareAt(ctx, sum, check.weight); err != nil {
		return err
	}
	v, word, err := s.azureVerdict(ctx, check.gate, sum)
	if err != nil {
		return err
	}
	id := sum.Rollout.ID
	if word != judge.Continue.String() {
		s.note(c.Request().Context(), "told azure "+word, id, v.Reason)
	}
	return writeJSON(c, http.StatusOK, azureAnswered{
		Verdict: word, Gate: string(check.gate), Score: finite(v.Score), Reason: oneLine(v.Reason, 4096), Rollout: id, Report: s.link(id),
	})
}

// azureVerdict looks at a rollout, or into the record where it is over. A promotion
// that is granted ends the judging: from there on traffic moves.
func (s *Server) azureVerdict(ctx context.Context, gate reply.Gate, sum journal.Summary) (judge.Verdict, string, error) {
	if !live(sum) {
		v, word := azureRecorded(sum)
		return v, word, nil
	}
	last := gate == reply.GatePromotion
	var err error
	if last {
		err = ignoreClosed(s.cfg.Journal.FinalStep(ctx, sum.Rollout.ID, s.now()))
	}
	var v judge.Verdict
	if err == nil {
		v, err = s.decide(ctx, sum.Rollout, last)
	}
	switch {
	case err == nil:
	case errors.Is(err, journal.ErrClosed):
		if sum, err = s.closedMeanwhile(ctx, sum.Rollout.ID, err); err != nil {
			return v, "", err
		}
		v, word := azureRecorded(sum)
		return v, word, nil
	case unlooked(err):
		s.cfg.Log.WarnContext(ctx, "a check was answered without a look", "rollout", sum.Rollout.ID, cause(err))
		var done context.CancelFunc
		ctx, done = pastTime(ctx)
		defer done()
		v, err = s.standIn(ctx, sum, err), nil
	case s.pinnedShadow(ctx, sum):
		return judge.Verdict{Reason: "shadow: no verdict could be formed"}, judge.Promote.String(), nil
	default:
		return v, "", noVerdict(err)
	}
	word := azureWord(v, gate)
	v.Reason = azureReason(v, gate, word)
	if last && word == judge.Promote.String() && !shadow(v) {
		err = s.end(ctx, sum.Rollout, reply.WhyGranted)
	}
	return v, word, err
}

// azureWord says a verdict at a gate. A permission to advance counts only where it
// rests on something: the gate is asked once more in a moment.
func azureWord(v judge.Verdict, gate reply.Gate) string {
	switch {
	case shadow(v):
		return judge.Promote.String()
	case v.RollBack.Yes:
		return judge.Rollback.String()
	case gate == reply.GatePromotion && v.Promotion.Yes, gate == reply.GateStep && v.Advance.Yes && v.Evidenced():
		return judge.Promote.String()
	case v.Outcome == judge.Inconclusive:
		return judge.Inconclusive.String()
	}
	return judge.Continue.String()
}

// azureReason is the sentence that goes with a word.
func azureReason(v judge.Verdict, gate reply.Gate, word string) string {
	switch {
	case shadow(v):
		return "shadow: " + said(v.Outcome.String(), v.Reason)
	case word == judge.Rollback.String():
		return reasonOf(v.RollBack, v)
	case gate == reply.GateStep:
		return reasonOf(v.Advance, v)
	}
	return reasonOf(v.Promotion, v) + unread(v)
}

// azureRecorded answers from the record of a rollout that is over.
func azureRecorded(sum journal.Summary) (judge.Verdict, string) {
	v := judge.Verdict{Rollout: sum.Rollout}
	if sum.Last != nil {
		v = *sum.Last
	}
	why := "rollout " + sum.Rollout.ID + " ended at " + sum.Closed.UTC().Format(time.RFC3339) + " (" + sum.Why + ") and is judged no more"
	switch {
	case rolledBack(sum):
		v.Reason = reasonOf(v.RollBack, v)
		return v, judge.Rollback.String()
	case granted(sum), shadow(v):
		v.Reason = why
		return v, judge.Promote.String()
	}
	v.Reason = why + "; another run of the pipeline is judged anew"
	return v, judge.Inconclusive.String()
}

// declareAt records the weight that a gate's caller tells, where it tells one and the
// rollout is not over.
func (s *Server) declareAt(ctx context.Context, sum journal.Summary, percent *float64) error {
	if percent == nil || !live(sum) {
		return nil
	}
	return ignoreClosed(s.cfg.Journal.Declare(ctx, sum.Rollout.ID, rollout.WeightAt{At: s.now(), Percent: *percent}))
}

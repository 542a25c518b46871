package webhooks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// Alerts records alerts of others.
type Alerts interface {
	// Plan returns a rollout's pinned plan, or journal.ErrNotFound.
	Plan(ctx context.Context, id string) (plan.Plan, error)
	// Alert records that an alert fires or is resolved, and reports whether that is
	// news.
	Alert(ctx context.Context, id string, a judge.Alert) (bool, error)
}

const (
	// maxAlerted bounds how many live rollouts alerts are held against.
	maxAlerted = 5000
	// alertsWithin bounds the work on one group: Alertmanager waits, and sends it again.
	alertsWithin = 15 * time.Second
)

// takeAlerts holds alerts against every live rollout that the caller may know of, and
// records those that the rollouts' pinned plans ask for. It fails only where the record
// could not be read or written; everything is done then that can be.
func (s *Server) takeAlerts(ctx context.Context, w caller, alerts []seenAlert) (alertsTaken, error) {
	var took alertsTaken
	if len(alerts) == 0 {
		return took, nil
	}
	ctx, cancel := context.WithTimeout(ctx, alertsWithin)
	defer cancel()
	list, err := s.cfg.Journal.List(ctx, journal.Filter{Live: true, Limit: maxAlerted + 1})
	if err != nil {
		return took, err
	}
	var errs []error
	if len(list) > maxAlerted {
		list = list[:maxAlerted]
		errs = append(errs, &HTTPError{
			Code: http.StatusServiceUnavailable, Public: fmt.Sprintf("more than %d rollouts are live; the alerts were held against the newest of them only", maxAlerted),
			Next: "close those that are over, by DELETE /v1/rollouts/ID", RetryAfter: time.Minute,
		})
	}
	matched := make([]bool, len(alerts))
	for _, sum := range list {
		if !w.sees(sum.Rollout.Namespace) {
			continue
		}
		if err := s.alertRollout(ctx, sum.Rollout, alerts, &took, matched); err != nil {
			errs = append(errs, err)
			if ctx.Err() != nil || errors.Is(err, journal.ErrUnavailable) {
				break // the others would fail alike
			}
		}
	}
	for _, m := range matched {
		if m {
			took.Matched++
		}
	}
	return took, errors.Join(errs...)
}

// alertRollout records what of the alerts is about one rollout.
func (s *Server) alertRollout(ctx context.Context, r rollout.Rollout, alerts []seenAlert, took *alertsTaken, matched []bool) error {
	p, err := s.watches.of(ctx, s.cfg.Journal, r)
	if errors.Is(err, journal.ErrNotFound) {
		return nil // it is gone meanwhile
	}
	if err != nil || len(p.Alertmanager) == 0 {
		return err
	}
	about := false
	for i, a := range alerts {
		entry, ok := judge.WatchOf(p, r, a.labels)
		if !ok || (!a.Ended.IsZero() && a.Ended.Before(r.Started)) {
			continue
		}
		a.Watch = entry.Name
		news, err := s.cfg.Journal.Alert(ctx, r.ID, a.Alert)
		switch {
		case errors.Is(err, journal.ErrClosed), errors.Is(err, journal.ErrNotFound):
			return nil
		case errors.Is(err, journal.ErrTooMany):
			took.Skipped++
		case err != nil:
			return err
		case news:
			took.News++
		}
		matched[i] = true
		if !about {
			about = true
			took.Rollouts++
		}
	}
	return nil
}

// maxWatches bounds how many plans' entries are remembered.
const maxWatches = 1000

// watches remembers which alerts plans ask for, by the plans' digests: a pinned plan
// never changes.
type watches struct {
	mu    sync.Mutex
	plans map[string]plan.Plan // nothing but Alertmanager
}

// of returns the part of a rollout's pinned plan that says which alerts count.
func (c *watches) of(ctx context.Context, j Alerts, r rollout.Rollout) (plan.Plan, error) {
	c.mu.Lock()
	p, ok := c.plans[r.PlanDigest]
	c.mu.Unlock()
	if ok && r.PlanDigest != "" {
		return p, nil
	}
	whole, err := j.Plan(ctx, r.ID)
	if err != nil {
		return plan.Plan{}, err
	}
	p = plan.Plan{Alertmanager: whole.Alertmanager}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.plans == nil || len(c.plans) >= maxWatches {
		c.plans = map[string]plan.Plan{}
	}
	c.plans[r.PlanDigest] = p
	return p, nil
}

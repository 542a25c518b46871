package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/rollout"
)

// kindTally is the work of counting a rollout that is over.
const kindTally = "tally"

// neverJudged is the outcome of a rollout that nobody looked at.
const neverJudged = "none"

// tally counts rollouts that are over, by their last verdict. The count is work that
// follows from the closing: a transaction that is tried again, or that fails, queues it
// once or not at all, and whichever replica does the work counts. Work that was done and
// could not be recorded as done is counted twice, which needs a journal that fails in
// between.
type tally struct {
	journal interface {
		Get(ctx context.Context, id string) (journal.Summary, error)
	}
	closed *prometheus.CounterVec
}

func newTally() *tally {
	return &tally{closed: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "serin_rollouts_closed_total", Help: "Rollouts that ended, by their last verdict; none is that of a rollout that was never judged.",
	}, []string{"namespace", "service", "outcome"})}
}

// tallyKind says how the work is treated.
func tallyKind() outbox.Kind {
	return outbox.Kind{Timeout: 10 * time.Second, Patience: time.Hour, Concurrency: 1, Lapses: true}
}

// follow returns the work that follows from an event. Where a rollout begins, its counts
// begin too: what grows from nothing to one is not seen to grow.
func (t *tally) follow(e journal.Event) []outbox.Job {
	switch e.Kind {
	case journal.EventAnnounced:
		t.begin(e.Rollout)
	case journal.EventClosed:
		return []outbox.Job{{Kind: kindTally, Key: e.Rollout.ID + "." + kindTally, Rollout: e.Rollout.ID}}
	case journal.EventLooked, journal.EventOverridden, journal.EventAlerted:
	}
	return nil
}

func (t *tally) begin(r rollout.Rollout) {
	for _, o := range [...]judge.Outcome{judge.Continue, judge.Promote, judge.Rollback, judge.Inconclusive} {
		t.closed.WithLabelValues(r.Namespace, r.Service, o.String()).Add(0)
	}
}

// count is the handler.
func (t *tally) count(ctx context.Context, j outbox.Job) error {
	sum, err := t.journal.Get(ctx, j.Rollout)
	if errors.Is(err, journal.ErrNotFound) {
		return outbox.ErrMoot
	}
	if err != nil {
		return err
	}
	outcome := neverJudged
	if sum.Last != nil {
		outcome = sum.Last.Outcome.String()
	}
	t.closed.WithLabelValues(sum.Rollout.Namespace, sum.Rollout.Service, outcome).Inc()
	return nil
}

// live begins the counts of rollouts that are under way where a server starts.
func (t *tally) live(ctx context.Context, l lister, log *slog.Logger) {
	live, err := l.List(ctx, journal.Filter{Live: true, Limit: 1000})
	if err != nil {
		log.Error("the ends of live rollouts may not be seen to grow", "error", err)
		return
	}
	for _, s := range live {
		t.begin(s.Rollout)
	}
}

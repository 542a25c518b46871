package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// Long checks, loads among them, and those that outlasted a look are work of their own: a
// look says which should begin, this work runs them once for all replicas, and the next
// look uses the result. Work of a process that died is taken over only after its kind's
// timeout, so that there is a kind for each length.
const (
	kindCheckShort   = "check-short"
	kindCheck        = "check"
	kindCheckLong    = "check-long"
	kindCheckLongest = "check-longest"
)

// lengthsOfChecks are the kinds with the longest check that each is for.
func lengthsOfChecks() []struct {
	kind string
	most time.Duration
} {
	return []struct {
		kind string
		most time.Duration
	}{{kindCheckShort, 30 * time.Second}, {kindCheck, 2 * time.Minute}, {kindCheckLong, 11 * time.Minute}, {kindCheckLongest, 31 * time.Minute}}
}

// longCheckKinds returns how long checks are treated as work.
func longCheckKinds() map[string]outbox.Kind {
	m := map[string]outbox.Kind{}
	for _, l := range lengthsOfChecks() {
		m[l.kind] = outbox.Kind{Timeout: l.most + 5*time.Second, Patience: time.Hour, Concurrency: 8, First: 2 * time.Second, Longest: 10 * time.Second, Lapses: true}
	}
	return m
}

// mostBegins is how often a check begins that takes its process with it.
const mostBegins = 3

// closedEach is how often a check that runs asks whether its rollout is over.
const closedEach = 2 * time.Second

// longChecks runs long checks.
type longChecks struct {
	journal checkJournal
	runner  longRunner
	log     *slog.Logger
	// loads lets one load through at a time: two would measure each other.
	loads chan struct{}
}

// checkJournal is what long checks need of the journal.
type checkJournal interface {
	checkRecords
	BeginCheck(ctx context.Context, id string, b judge.Beginning) (int, error)
	Checked(ctx context.Context, id string, r checks.Result) error
}

// checkRecords is what the journal knows of a rollout.
type checkRecords interface {
	Load(ctx context.Context, id string) (judge.Record, error)
	Get(ctx context.Context, id string) (journal.Summary, error)
}

// longRunner runs one long check of a rollout.
type longRunner interface {
	LongCheck(ctx context.Context, rec judge.Record, name string) (checks.Result, bool)
}

func newLongChecks(log *slog.Logger) *longChecks {
	return &longChecks{log: log, loads: make(chan struct{}, 1)}
}

// followLongChecks returns the long checks that a look begins, and the look that uses a
// result where nobody else looks.
func followLongChecks(e journal.Event) []outbox.Job {
	var jobs []outbox.Job
	for _, b := range e.Begin {
		body, err := json.Marshal(b)
		if err != nil {
			continue // of texts, numbers and a time: it cannot be
		}
		jobs = append(jobs, outbox.Job{
			Kind: kindOfCheck(b.Lasts), Key: e.Rollout.ID + ".check." + outbox.ID(b.Name) + "." + strconv.Itoa(b.Round),
			Rollout: e.Rollout.ID, Body: body, Deadline: b.Until,
		})
	}
	if e.Kind == journal.EventChecked && e.Rollout.Watch {
		jobs = append(jobs, outbox.Job{
			Kind: kindLook, Key: fmt.Sprintf("%s.look.checked.%s.%d", e.Rollout.ID, outbox.ID(e.Checked.Name), e.Checked.Round), Rollout: e.Rollout.ID,
		})
	}
	return jobs
}

func kindOfCheck(lasts time.Duration) string {
	for _, l := range lengthsOfChecks() {
		if lasts <= l.most {
			return l.kind
		}
	}
	return kindCheckLongest
}

// handlers returns who does this work.
func (l *longChecks) handlers() map[string]outbox.Handler {
	m := map[string]outbox.Handler{}
	for _, k := range lengthsOfChecks() {
		m[k.kind] = l.do
	}
	return m
}

var (
	errRolloutOver = errors.New("the rollout is over")
	errLoadBusy    = errors.New("another load is under way in this process")
)

// do runs one round of a check and records its result. A process that ends meanwhile
// leaves nothing: the round begins again elsewhere, which its result says.
func (l *longChecks) do(ctx context.Context, j outbox.Job) error {
	var b judge.Beginning
	if err := json.Unmarshal(j.Body, &b); err != nil {
		return fmt.Errorf("the check cannot be read: %w: %w", err, outbox.ErrPermanent)
	}
	rec, err := l.journal.Load(ctx, j.Rollout)
	switch {
	case errors.Is(err, judge.ErrUnknownRollout):
		return fmt.Errorf("%w: %w", err, outbox.ErrPermanent)
	case err != nil:
		return err
	case !rec.Closed.IsZero() || rec.Latch != nil:
		return fmt.Errorf("%w or is rolled back: %w", errRolloutOver, outbox.ErrMoot)
	}
	if isLoad(rec, b.Name) {
		select {
		case l.loads <- struct{}{}:
			defer func() { <-l.loads }()
		default:
			return &outbox.LaterError{Err: errLoadBusy, After: 3 * time.Second}
		}
	}
	begins, err := l.journal.BeginCheck(ctx, j.Rollout, b)
	if err != nil {
		return settledElsewhere(err)
	}
	r, err := l.run(ctx, rec, b, begins)
	if err != nil {
		return err
	}
	r.Round, r.Begins = b.Round, begins
	if err := l.journal.Checked(ctx, j.Rollout, r); err != nil {
		return settledElsewhere(err)
	}
	l.log.InfoContext(ctx, "long check ended", "rollout", j.Rollout, "check", b.Name, "round", b.Round, "status", string(r.Status), "begins", begins, "took", r.Took)
	return nil
}

func isLoad(rec judge.Record, name string) bool {
	for _, s := range rec.Plan.Checks {
		if s.Name == name {
			return s.Load != nil
		}
	}
	return false
}

// settledElsewhere turns what says that a round is over into the end of its work.
func settledElsewhere(err error) error {
	switch {
	case errors.Is(err, journal.ErrChecked):
		return nil
	case errors.Is(err, journal.ErrClosed):
		return fmt.Errorf("%w: %w", err, outbox.ErrMoot)
	}
	return err
}

// run runs the check until it ends, its rollout is over, or ctx ends.
func (l *longChecks) run(ctx context.Context, rec judge.Record, b judge.Beginning, begins int) (checks.Result, error) {
	if begins > mostBegins {
		return checks.Result{
			Name: b.Name, Status: checks.Broken, At: time.Now().UTC(),
			Reason: fmt.Sprintf("round %d began %d times, and each time the process that ran it ended; it is not tried again", b.Round, begins-1),
		}, nil
	}
	bound, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.untilClosed(bound, rec.Rollout.ID, cancel)
	}()
	r, known := l.runner.LongCheck(bound, rec, b.Name)
	over := errors.Is(context.Cause(bound), errRolloutOver)
	cancel(nil)
	<-done
	switch {
	case !known:
		return r, fmt.Errorf("the plan has no check %s: %w", b.Name, outbox.ErrPermanent)
	case over:
		return r, fmt.Errorf("%w: %w", errRolloutOver, outbox.ErrMoot)
	case ctx.Err() != nil:
		return r, fmt.Errorf("it was cut off: %w", ctx.Err())
	}
	return r, nil
}

// untilClosed cancels a check whose rollout is over.
func (l *longChecks) untilClosed(ctx context.Context, id string, cancel context.CancelCauseFunc) {
	t := time.NewTicker(closedEach)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		sum, err := l.journal.Get(ctx, id)
		if err == nil && (!sum.Closed.IsZero() || sum.Last != nil && sum.Last.Latched != nil) {
			cancel(errRolloutOver)
			return
		}
	}
}

package app

import (
	"context"
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/rollout"
)

// shelved is a journal of rollouts that are over.
type shelved map[string]*judge.Verdict

func (s shelved) Get(_ context.Context, id string) (journal.Summary, error) {
	v, ok := s[id]
	if !ok {
		return journal.Summary{}, journal.ErrNotFound
	}
	return journal.Summary{Rollout: rollout.Rollout{ID: id, Namespace: "shop", Service: "checkout"}, Last: v}, nil
}

// A closing that is tried again queues the same work, which counts once.
func TestEndsAreCountedByTheirLastVerdict(t *testing.T) {
	tl := newTally()
	tl.journal = shelved{"a": {Outcome: judge.Rollback}, "b": nil}
	r := rollout.Rollout{ID: "a", Namespace: "shop", Service: "checkout"}
	if jobs := tl.follow(journal.Event{Kind: journal.EventAnnounced, Rollout: r}); len(jobs) > 0 {
		t.Errorf("got work %v for a rollout that begins", jobs)
	}
	if got := testutil.CollectAndCount(tl.closed); got != 4 {
		t.Errorf("got %d counts that begin, want one of each outcome", got)
	}
	first, again := tl.follow(journal.Event{Kind: journal.EventClosed, Rollout: r}), tl.follow(journal.Event{Kind: journal.EventClosed, Rollout: r})
	if len(first) != 1 || len(again) != 1 || first[0].Key != again[0].Key || first[0].Key == "" {
		t.Fatalf("got %v and %v, want one job with one key", first, again)
	}
	for _, job := range []outbox.Job{first[0], {Rollout: "b"}} {
		if err := tl.count(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	if err := tl.count(t.Context(), outbox.Job{Rollout: "pruned"}); !errors.Is(err, outbox.ErrMoot) {
		t.Errorf("got %v for a rollout that was pruned, want that it is of no interest", err)
	}
	for outcome, want := range map[string]float64{"rollback": 1, neverJudged: 1, "promote": 0} {
		if got := testutil.ToFloat64(tl.closed.WithLabelValues("shop", "checkout", outcome)); got != want {
			t.Errorf("%s: got %v, want %v", outcome, got, want)
		}
	}
}

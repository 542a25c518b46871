package backtest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/backtest"
	"github.com/serin-canary/serin/queries"
)

// ending is a shop in which series end: those of the canary, or all of them.
type ending struct {
	*shop
	canary, all time.Time
}

func (e ending) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	f, err := e.shop.Blocks(ctx, r, w)
	over := e.all
	if !e.canary.IsZero() && strings.Contains(r.Query.Expr, `track="canary"`) {
		over = e.canary
	}
	for i := range f.Processes {
		for t := range f.Processes[i].N {
			if end := w.Start.Add(time.Duration(t+1) * w.Block); !over.IsZero() && end.After(over) {
				f.Processes[i].N[t], f.Processes[i].X[t] = queries.Gap(), queries.Gap()
			}
		}
	}
	return f, err
}

// TestARolloutWhoseEndNobodyNames is promoted, and over after half an hour: what its
// pods do not serve afterwards is no reason to roll it back.
func TestARolloutWhoseEndNobodyNames(t *testing.T) {
	at := func(minutes int) time.Time { return begin().Add(time.Duration(minutes) * time.Minute) }
	for name, c := range map[string]struct {
		more  string // of the plan
		until time.Time
		over  int // minutes after which the canary is gone; 0 is never
		looks int
		notes string
	}{
		"over after a promotion":    {over: 30, looks: 33, notes: "From 12:30:00 UTC on the canary served no request"},
		"and missing data is harm":  {more: "noData: rollback\n", over: 30, looks: 33, notes: "From 12:30:00 UTC on"},
		"it waits as the plan does": {more: "noDataBlocks: 7\n", over: 30, looks: 37, notes: "From 12:30:00 UTC on"},
		"up to the deadline":        {looks: 60},
		"a later end is named":      {until: at(360), over: 30, looks: 300},
		"an early end is named":     {until: at(31), over: 30, looks: 31},
	} {
		t.Run(name, func(t *testing.T) {
			p := parsed(t, text+c.more)
			s := ending{shop: &shop{}}
			if c.over > 0 {
				s.canary = at(c.over)
			}
			past := backtest.Past{Plan: p, Rollout: release(p), Source: s, Engine: "test", Now: begin().AddDate(0, 0, 2)}
			r, err := backtest.Run(t.Context(), past, c.until, nil)
			if err != nil {
				t.Fatal(err)
			}
			if outcome, _ := r.First(); outcome != judge.Promote || strings.Contains(r.Sentence(), "rollback") {
				t.Errorf("got %q, want a promotion and no rollback", r.Sentence())
			}
			if len(r.Looks) != c.looks {
				t.Errorf("got %d looks, want %d", len(r.Looks), c.looks)
			}
			if notes := strings.Join(r.Notes, " "); c.notes != "" && !strings.Contains(notes, c.notes) || c.notes == "" && strings.Contains(notes, "probably over") {
				t.Errorf("got notes %q, want %q", notes, c.notes)
			}
		})
	}
}

// TestTheClocksStartWithRequests names a time at which the canary had no requests yet.
func TestTheClocksStartWithRequests(t *testing.T) {
	p := parsed(t, text)
	r := release(p)
	r.Started = begin().Add(-20 * time.Minute)
	got, err := backtest.Run(t.Context(), backtest.Past{Plan: p, Rollout: r, Source: &shop{}, Engine: "test"}, time.Time{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := begin().Add(time.Hour); !got.To.Equal(want) {
		t.Errorf("the walk ended at %v, want the deadline at %v, an hour after the first request", got.To, want)
	}
}

// TestHarmAfterAPromotionIsSaid keeps proven rollbacks in the sentence.
func TestHarmAfterAPromotionIsSaid(t *testing.T) {
	p := parsed(t, text)
	r, err := backtest.Run(t.Context(), backtest.Past{Plan: p, Rollout: release(p), Source: &shop{from: 30, by: .05}, Engine: "test"}, time.Time{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if outcome, _ := r.First(); outcome != judge.Promote || !strings.Contains(r.Sentence(), "it would have said rollback: errors") {
		t.Errorf("got %q, want a promotion, and the rollback after it", r.Sentence())
	}
}

// TestNoLookLiesInTheFuture walks a rollout that goes on: the newest blocks have not
// reached the store, and no look asks for them.
func TestNoLookLiesInTheFuture(t *testing.T) {
	p := parsed(t, text+"lag: 5m\n")
	now := begin().Add(30 * time.Minute)
	for name, until := range map[string]time.Time{"nobody knows the end": {}, "it ends now": now, "it ends later": now.Add(time.Hour)} {
		s := ending{shop: &shop{}, all: now.Add(-5 * time.Minute)}
		r, err := backtest.Run(t.Context(), backtest.Past{Plan: p, Rollout: release(p), Source: s, Engine: "test", Now: now}, until, nil)
		if err != nil {
			t.Fatal(err)
		}
		if last := r.Looks[len(r.Looks)-1]; last.At.After(now) || last.Outcome != judge.Promote || len(r.Looks) != 25 {
			t.Errorf("%s: the last of %d looks is at %v and says %v (%s), want 25 up to %v, and promote", name, len(r.Looks), last.At, last.Outcome, last.Reason, now)
		}
		if s.latest.After(now.Add(-5 * time.Minute)) {
			t.Errorf("%s: asked for blocks up to %v, which had not arrived", name, s.latest)
		}
	}
}

package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// forgotten is a journal with a rollout, a judge, and a queue that the test works
// by hand.
type forgotten struct {
	*watcher
	t       *testing.T
	clock   time.Time
	journal *journal.Journal
	id      string
	queued  map[string]outbox.Job
	looks   int
	traffic time.Time // of the canary, its first
	fail    error
}

func newForgotten(t *testing.T, watch bool) *forgotten {
	t.Helper()
	f := &forgotten{t: t, clock: time.Date(2026, 5, 1, 12, 0, 7, 0, time.UTC), queued: map[string]outbox.Job{}}
	now := func() time.Time { return f.clock }
	var err error
	if f.journal, err = journal.Open(t.Context(), ":memory:", journal.Options{Now: now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.journal.Close() })
	f.watcher = &watcher{
		journal: f.journal, judge: f, now: now, log: slog.New(slog.DiscardHandler),
		add: func(_ context.Context, jobs ...outbox.Job) error {
			for _, j := range jobs {
				if _, there := f.queued[j.Key]; !there {
					f.queued[j.Key] = j
				}
			}
			return nil
		},
	}
	p := plan.Plan{Name: "checkout", Service: "checkout", Block: plan.Duration(time.Minute), Lag: plan.Duration(10 * time.Second),
		MaxDuration: plan.Duration(time.Hour), HoldFor: plan.Duration(2 * time.Hour)}
	a, err := f.journal.Announce(t.Context(), rollout.Rollout{Service: "checkout", Revision: "v2", Controller: "api", Watch: watch}, p)
	if err != nil {
		t.Fatal(err)
	}
	f.id = a.Rollout.ID
	if err := f.add(t.Context(), follow(journal.Event{Kind: journal.EventAnnounced, At: f.clock, Rollout: a.Rollout})...); err != nil {
		t.Fatal(err)
	}
	return f
}

// Decide records a look.
func (f *forgotten) Decide(ctx context.Context, r rollout.Rollout, now time.Time) (judge.Verdict, error) {
	if f.fail != nil {
		return judge.Verdict{}, f.fail
	}
	f.looks++
	rec, err := f.journal.Load(ctx, r.ID)
	if err != nil {
		return judge.Verdict{}, err
	}
	v := judge.Verdict{ID: r.ID, Seq: rec.Looks + 1, At: now, Rollout: rec.Rollout}
	if !f.traffic.IsZero() && now.After(f.traffic) {
		v.Progress.From = f.traffic
	}
	return v, f.journal.Commit(ctx, judge.Look{Rollout: r.ID, Verdict: v})
}

// next works the job that is due first, at its time or now, and returns its key.
func (f *forgotten) next() string {
	f.t.Helper()
	var first *outbox.Job
	for _, j := range f.queued {
		if first == nil || j.NotBefore.Before(first.NotBefore) {
			first = &j
		}
	}
	if first == nil {
		return ""
	}
	if first.NotBefore.After(f.clock) {
		f.clock = first.NotBefore
	}
	handle := map[string]outbox.Handler{kindLook: f.look, kindSweep: f.sweep}[first.Kind]
	if err := handle(f.t.Context(), *first); err != nil && !errors.Is(err, outbox.ErrMoot) {
		f.t.Fatal(err)
	}
	delete(f.queued, first.Key)
	return first.Key
}

func (f *forgotten) state() journal.Summary {
	f.t.Helper()
	s, err := f.journal.Get(f.t.Context(), f.id)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

func TestAWatchedRolloutIsLookedAtAsBlocksClose(t *testing.T) {
	f := newForgotten(t, true)
	f.next() // at once
	var at []time.Time
	for range 3 {
		f.next()
		at = append(at, f.clock)
	}
	want := []time.Time{}
	for m := range 3 {
		want = append(want, time.Date(2026, 5, 1, 12, m, 10, 0, time.UTC)) // a block's end, and the lag
	}
	if !slices.Equal(at, want) || f.looks != 4 {
		t.Errorf("got %d looks, at %v; want 4, and at %v", f.looks, at, want)
	}

	// Nobody was there for ten minutes: one look makes up for all.
	f.clock = f.clock.Add(10 * time.Minute)
	f.next()
	if len(f.queued) != 2 || f.looks != 5 { // the next look, and the sweep
		t.Errorf("got %d looks and %d jobs, want 5 and 2", f.looks, len(f.queued))
	}

	// A look that fails does not break the chain, and does not pile up.
	f.fail = errors.New("the source is away")
	f.next()
	f.next()
	f.fail = nil
	f.next()
	if f.looks != 6 || len(f.queued) != 2 {
		t.Errorf("got %d looks and %d jobs, want 6 and 2", f.looks, len(f.queued))
	}

	if err := f.journal.End(t.Context(), f.id, f.clock, "done"); err != nil {
		t.Fatal(err)
	}
	for len(f.queued) > 0 {
		f.next()
	}
	if f.looks != 6 {
		t.Errorf("got %d looks, want none after the end", f.looks-6)
	}
}

// A look that is handed out twice queues one successor.
func TestALookTwiceIsFollowedByOne(t *testing.T) {
	f := newForgotten(t, true)
	first := f.queued[f.id+".look"]
	f.next()
	if err := f.look(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if len(f.queued) != 2 {
		t.Errorf("got %d jobs, want the next look and the sweep", len(f.queued))
	}
}

func TestAForgottenRolloutIsClosed(t *testing.T) {
	for _, watch := range []bool{false, true} {
		f := newForgotten(t, watch)
		began := f.clock
		for n := 0; len(f.queued) > 0; n++ {
			if n > 1000 {
				t.Fatal("it goes on for ever")
			}
			f.next()
		}
		s := f.state()
		earliest := began.Add(3*time.Hour + silence)
		if s.Closed.Before(earliest) || s.Closed.After(earliest.Add(2*silence)) || !strings.HasPrefix(s.Why, "swept: ") {
			t.Errorf("watched %v: got closed %s because %q, want it swept within two hours after %s", watch, s.Closed, s.Why, earliest)
		}
	}
}

// A rollout past its time that somebody still asks about stays.
func TestARolloutThatIsAskedAboutIsNotSwept(t *testing.T) {
	f := newForgotten(t, false)
	end := f.clock.Add(24 * time.Hour)
	for f.clock.Before(end) {
		if _, err := f.Decide(t.Context(), f.state().Rollout, f.clock); err != nil {
			t.Fatal(err)
		}
		until := f.clock.Add(silence / 2)
		for _, j := range f.queued {
			if !j.NotBefore.After(until) {
				f.next()
			}
		}
		f.clock = until
	}
	if s := f.state(); !s.Closed.IsZero() || len(f.queued) != 1 {
		t.Errorf("got closed %s because %q with %d jobs, want it live and one sweep to come", s.Closed, s.Why, len(f.queued))
	}
}

func TestRolloutsOfOlderVersionsAreAdopted(t *testing.T) {
	f := newForgotten(t, true)
	before := len(f.queued)
	clear(f.queued)
	for range 2 {
		if err := f.adopt(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.queued) != before {
		t.Errorf("got %d jobs, want %d", len(f.queued), before)
	}
}

// An alert is looked at when it comes, and leaves the chain of looks as it is: one at
// each block's close, whenever the alert came.
func TestAnAlertIsLookedAtAtOnce(t *testing.T) {
	f := newForgotten(t, true)
	alerted := func(a judge.Alert) {
		t.Helper()
		jobs := follow(journal.Event{Kind: journal.EventAlerted, At: f.clock, Rollout: f.state().Rollout, Alert: &a})
		if len(jobs) != 1 || !jobs[0].NotBefore.IsZero() {
			t.Fatalf("got %+v, want one look at once", jobs)
		}
		if err := f.add(t.Context(), jobs...); err != nil {
			t.Fatal(err)
		}
	}
	chain := func(what string) {
		t.Helper()
		if len(f.queued) != 2 {
			t.Errorf("%s: got %d jobs, want the next look and the sweep", what, len(f.queued))
		}
	}
	a := judge.Alert{Fingerprint: "a", Started: f.clock, Name: "Burn", Watch: "burn"}
	alerted(a) // before the first look
	f.next()
	f.next()
	chain("before the first look")
	for i, offset := range []time.Duration{0, time.Second, 29 * time.Second, 59 * time.Second} {
		f.next() // the block's close
		f.clock = f.clock.Add(offset)
		before := f.looks
		a.Started = a.Started.Add(time.Second)
		alerted(a)
		alerted(a) // the same again is one look
		over := a
		over.Ended = f.clock
		alerted(over)
		f.next()
		f.next()
		if f.looks != before+2 {
			t.Errorf("alert %d: got %d looks, want one for the alert and one for its end", i, f.looks-before)
		}
		chain(fmt.Sprint("alert ", i))
	}
	// It comes while the chain's own look is late.
	f.clock = f.clock.Add(3 * time.Minute)
	a.Started = a.Started.Add(time.Second)
	alerted(a)
	f.next()
	f.next()
	chain("late")
	began := f.looks
	for range 10 {
		f.next()
	}
	if f.looks != began+10 {
		t.Errorf("got %d looks, want one a block still", f.looks-began)
	}
	// Past its time an alert begins no new chain.
	f.clock = f.clock.Add(5 * time.Hour)
	clear(f.queued)
	a.Started = a.Started.Add(time.Second)
	alerted(a)
	f.next()
	if len(f.queued) != 0 {
		t.Errorf("got %v, want no look after it", f.queued)
	}
}

func TestAlertsOfRolloutsThatAreAskedAbout(t *testing.T) {
	f := newForgotten(t, false)
	a := judge.Alert{Fingerprint: "a", Started: f.clock, Name: "Burn", Watch: "burn"}
	if jobs := follow(journal.Event{Kind: journal.EventAlerted, Rollout: f.state().Rollout, Alert: &a}); jobs != nil {
		t.Errorf("got %v, want none: its caller asks", jobs)
	}
}

// A canary that waited for hours is looked at for as long as any other.
func TestLooksGoOnFromTheFirstTraffic(t *testing.T) {
	f := newForgotten(t, true)
	began := f.clock
	f.traffic = began.Add(3*time.Hour + 50*time.Minute) // of four hours
	for range 1000 {
		if f.next() == "" {
			break
		}
	}
	last := f.state().Last.At.Sub(f.traffic)
	if last < 4*time.Hour-5*time.Minute || last > 4*time.Hour+5*time.Minute {
		t.Errorf("the last look was %s after the first traffic, want four hours", last)
	}
}

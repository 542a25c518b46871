package backtest

import (
	"context"
	"testing"
	"time"

	"github.com/serin-canary/serin/queries"
)

// nothing is a source that answers nothing.
type nothing struct{}

func (nothing) Blocks(context.Context, queries.Reading, queries.Window) (queries.Frame, error) {
	return queries.Frame{}, nil
}

func TestASourceIsAskedInItsPace(t *testing.T) {
	now := time.Unix(1e9, 0)
	var waits []time.Duration
	p := NewPaced(nothing{}, 60)
	p.now = func() time.Time { return now }
	p.wait = func(_ context.Context, d time.Duration) error { waits = append(waits, d); now = now.Add(d); return nil }
	for range 4 {
		if _, err := p.Blocks(t.Context(), queries.Reading{}, queries.Window{}); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(time.Minute) // idle: nothing is saved up
	_, _ = p.Blocks(t.Context(), queries.Reading{}, queries.Window{})
	_, _ = p.Blocks(t.Context(), queries.Reading{}, queries.Window{})
	want := []time.Duration{0, time.Second, time.Second, time.Second, 0, time.Second}
	for i := range want {
		if waits[i] != want[i] {
			t.Errorf("wait %d: got %v, want %v", i, waits[i], want[i])
		}
	}
	if p.Asked() != 6 {
		t.Errorf("asked %d times, want 6", p.Asked())
	}
}

func TestAnEndedTimeIsNotWaitedFor(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := NewPaced(nothing{}, 1)
	if _, err := p.Blocks(ctx, queries.Reading{}, queries.Window{}); queries.FaultOf(err) != queries.Unavailable {
		t.Errorf("got %v, want a source that was not asked", err)
	}
}

package reply

import (
	"testing"
	"time"
)

// A deadline beyond what the queue can count is brought nearer: the question is open,
// and answered.
func TestADeadlineThatNeverComes(t *testing.T) {
	w := newWorld(t)
	q := w.question(GateStep)
	q.Deadline = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	if err := w.Ask(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	for key, j := range w.jobs {
		if at := time.Unix(0, j.Deadline.UnixNano()); at.Before(w.clock) || at.After(w.clock.Add(32*24*time.Hour)) {
			t.Errorf("%s: got until %s, want about a month at most", key, at)
		}
	}
}

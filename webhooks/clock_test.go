package webhooks

import (
	"testing"
	"time"
)

// TestAClockThatJumps plays a rollout whose server's clock is set five minutes ahead
// before every other call, and back again. The canary ends as it would, and every
// verdict replays.
func TestAClockThatJumps(t *testing.T) {
	for name, c := range map[string]struct {
		bad  float64
		want string
	}{"healthy": {0.01, "promoted"}, "failing": {0.06, "rolled back"}} {
		for _, first := range []time.Duration{5 * time.Minute, -5 * time.Minute} {
			t.Run(name+" "+first.String(), func(t *testing.T) {
				w, _ := realWorld(t, twoArms{bad: c.bad, canaryFrom: start().Add(time.Minute)})
				jump := first
				if got := w.drive(func() { w.clock.add(jump); jump = -jump }); got != c.want {
					t.Errorf("got the canary %s, want it %s; last verdict: %s", got, c.want, w.only().Last.Reason)
				}
				if _, err := w.journal.Verify(t.Context(), func(err error) { t.Error(err) }); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

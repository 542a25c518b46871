package reply

import (
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
)

// A promotion that was granted while both arms had traffic stands when the canary
// has all of it, unless a check or a limit speaks against it then.
func TestGrantedBefore(t *testing.T) {
	for name, c := range map[string]struct {
		says judge.Verdict
		yes  bool
		ends bool
	}{
		"stale by now":    {going, true, true},
		"still granted":   {promote, true, true},
		"rolled back":     {bad, false, false},
		"a failed check":  {withCheck(judge.CheckFailed, true), false, false},
		"a broken check":  {withCheck(judge.CheckBroken, false), false, false},
		"a failing check": {withCheck(judge.CheckFailed, false), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.says = always(c.says)
			q := w.question(GatePromotion)
			q.Granted = true
			if a := w.answers(q); a.Yes != c.yes {
				t.Errorf("got %+v, want yes %v", a, c.yes)
			}
			if s := w.state(); (s.Why == WhyGranted) != c.ends {
				t.Errorf("got closed because %q, want it ended by the grant: %v", s.Why, c.ends)
			}
		})
	}
	// A check that fails is not covered by the configured yes, here as at the start.
	w := newWorld(t)
	w.says = always(withCheck(judge.CheckFailed, false))
	q := w.question(GatePromotion)
	q.Granted, q.Fallback, q.Deadline = true, true, w.began.Add(20*time.Second)
	if a := w.answers(q); a.Yes {
		t.Errorf("got %+v, want no", a)
	}
	// Without the grant the same look decides nothing.
	w = newWorld(t)
	w.says = always(going)
	if a := w.answers(w.question(GatePromotion)); a.Yes || !a.Fallback {
		t.Errorf("got %+v, want the fallback", a)
	}
}

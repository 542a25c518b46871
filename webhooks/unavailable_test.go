package webhooks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/journal"
)

// A journal that is away, or full, is no fault of the server's code: callers are told
// what it is, and when to come again.
func TestAJournalThatIsAway(t *testing.T) {
	for _, cause := range []error{journal.ErrUnavailable, journal.ErrUnknown} {
		w := newWorld(t)
		path := w.announce(announced1)
		away := fmt.Errorf("journal: postgres://bob:hunter2@db/serin is away: %w", cause)
		for _, c := range []struct{ call, method, path, body string }{
			{"Announce", "POST", "/v1/rollouts", strings.ReplaceAll(announced1, `"shop"`, `"other"`)},
			{"End", "DELETE", path, ""},
			{"List", "GET", "/v1/rollouts", ""},
		} {
			w.faults.set(c.call, away)
			a := w.want(w.do(c.method, c.path, c.body), 503)
			if a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "is away") || strings.Contains(a.body, "hunter2") {
				t.Errorf("%s %s: got %s with %v, want what is wrong, when to ask again and no credentials", c.method, c.path, a.body, a.header)
			}
			w.faults.set(c.call, nil)
		}
	}
}

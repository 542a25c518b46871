package app

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

// The rates of a service are those of its own rollouts, in its own namespace.
func TestSelfChecksOfAService(t *testing.T) {
	s, j, now := checked(t)
	for _, c := range []struct {
		id, namespace, service string
		alarm                  bool
	}{
		{"a", "shop", "checkout", true}, {"b", "shop", "checkout", false}, {"c", "shop", "cart", true}, {"d", "", "checkout", true},
	} {
		body, err := json.Marshal(judge.SelfCheck{Rollout: c.id, Alpha: 0.05, Placebo: peaks(c.alarm), Reversed: c.alarm})
		if err != nil {
			t.Fatal(err)
		}
		d := journal.Document{Kind: kindSelfCheck, ID: c.id, Name: c.service, Owner: c.namespace, Body: body}
		if _, err := j.AddDocument(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		namespace, service     string
		rollouts, alarms, back int
	}{{"shop", "checkout", 2, 1, 1}, {"shop", "cart", 1, 1, 1}, {"", "checkout", 1, 1, 1}, {"other", "checkout", 0, 0, 0}} {
		rates, back, err := s.Of(t.Context(), c.namespace, c.service)
		if err != nil || rates[0].Of != judge.OfPlacebos || rates[0].Rollouts != c.rollouts || rates[0].Alarms != c.alarms || back != c.back {
			t.Errorf("%s in %q: got %+v and %d reversed, error %v; want %+v", c.service, c.namespace, rates, back, err, c)
		}
	}
	*now = now.Add(checksNewer + time.Hour)
	if rates, _, err := s.Of(t.Context(), "shop", "checkout"); err != nil || rates[0].Rollouts != 0 {
		t.Errorf("got %+v of what is old, error %v; want nothing", rates, err)
	}
}

package publishing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	alertplaces "github.com/serin-canary/serin/alerts/publish"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
)

// pager is an Alertmanager: it knows the newest of what it was told of each alert.
type pager struct {
	now  func() time.Time
	held map[string]alertplaces.Fired // by outcome and severity
	told int
	err  error
}

func (p *pager) Tell(_ context.Context, alerts ...alertplaces.Fired) error {
	p.told++
	if p.err != nil {
		return p.err
	}
	for _, a := range alerts {
		key := a.Labels["outcome"] + " " + a.Labels["severity"]
		if have, ok := p.held[key]; ok && have.StartsAt.Before(a.StartsAt) && have.EndsAt.After(a.StartsAt) {
			a.StartsAt = have.StartsAt // as an Alertmanager merges them
		}
		p.held[key] = a
	}
	return nil
}

// active lists the alerts that fire.
func (p *pager) active() string {
	var out []string
	for key, a := range p.held {
		if a.EndsAt.After(p.now()) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func newPaged(t *testing.T) (*scene, *pager, *pager) {
	t.Helper()
	a, b := &pager{held: map[string]alertplaces.Fired{}}, &pager{held: map[string]alertplaces.Fired{}}
	s := newScene(t, "", func(c *Config) {
		c.Boards, c.Rules, c.Labels, c.Runbook = nil, nil, map[string]string{"team": "shop", "severity": "none"}, "https://wiki.example.com/canary"
		c.Alertmanagers = []AlertPlace{{Name: "a", Target: "a", Place: a}, {Name: "b", Target: "b", Place: b}}
	})
	a.now, b.now = s.p.c.Now, s.p.c.Now
	if !s.p.On() {
		t.Error("got it off, want it on with Alertmanagers alone")
	}
	s.tell(journal.Event{Kind: journal.EventAnnounced})
	return s, a, b
}

func (s *scene) says(seq int, change func(*judge.Verdict)) {
	s.t.Helper()
	before := s.journal.sum.Last
	v := &judge.Verdict{Seq: seq, Reason: "errors are worse", At: s.now, Mode: "enforce", Rollout: s.journal.sum.Rollout}
	change(v)
	s.journal.sum.Last = v
	s.tell(journal.Event{Kind: journal.EventLooked, Verdict: v, Before: before})
}

func TestVerdictsAreToldToEveryAlertmanager(t *testing.T) {
	s, a, b := newPaged(t)
	s.says(1, func(*judge.Verdict) {})
	s.says(2, func(v *judge.Verdict) { v.Outcome = judge.Promote })
	if a.told+b.told != 0 {
		t.Fatalf("got %d and %d told, want nothing while all is well", a.told, b.told)
	}
	rolledBack := s.now
	s.says(3, func(v *judge.Verdict) { v.Outcome = judge.Rollback })
	for name, p := range map[string]*pager{"a": a, "b": b} {
		f := p.held["rollback page"]
		want := map[string]string{"alertname": "SerinVerdict", "rollout": id, "service": "checkout", "namespace": "shop", "severity": "page", "managed_by": "serin", "outcome": "rollback", "team": "shop"}
		if !maps.Equal(f.Labels, want) || !f.StartsAt.Equal(rolledBack) || !f.EndsAt.Equal(rolledBack.Add(5*time.Minute)) {
			t.Errorf("%s: got %+v, want labels %v from %s for five minutes", name, f, want, rolledBack)
		}
		notes := map[string]string{
			"summary": "checkout revision 2 in shop must be rolled back: errors are worse", "description": "errors are worse",
			"report_url": "https://serin.example.com/r/" + id, "runbook_url": "https://wiki.example.com/canary",
		}
		if !maps.Equal(f.Annotations, notes) || f.GeneratorURL != notes["report_url"] {
			t.Errorf("%s: got annotations %v, want %v", name, f.Annotations, notes)
		}
	}
	// It is told again before it ends, for as long as it lasts, and no more often.
	for range 60 {
		s.now = s.now.Add(time.Minute)
		s.work()
		if a.active() != "rollback page" || b.active() != "rollback page" {
			t.Fatalf("at %s: got %q and %q, want it active", s.now, a.active(), b.active())
		}
	}
	if a.told < 29 || a.told > 32 {
		t.Errorf("got it told %d times in an hour, want it every two minutes", a.told)
	}
	if f := a.held["rollback page"]; !f.StartsAt.Equal(rolledBack) {
		t.Errorf("got it begun at %s, want %s still", f.StartsAt, rolledBack)
	}
	s.end("rolled back")
	over := s.now
	s.pass(20 * time.Minute)
	for name, p := range map[string]*pager{"a": a, "b": b} {
		if f := p.held["rollback page"]; !f.EndsAt.Equal(over) || !strings.Contains(f.Annotations["summary"], "the rollout is over: rolled back") {
			t.Errorf("%s: got %+v, want its end at %s", name, f, over)
		}
	}
	if len(s.queue) != 0 {
		t.Errorf("got %v still to do, want nothing", slices.Collect(maps.Keys(s.queue)))
	}
}

func TestWhatAVerdictIsToPeople(t *testing.T) {
	for name, c := range map[string]struct {
		say  func(*judge.Verdict)
		want string
		text string
	}{
		"continue":           {func(*judge.Verdict) {}, "", ""},
		"promote":            {func(v *judge.Verdict) { v.Outcome = judge.Promote }, "", ""},
		"rollback":           {func(v *judge.Verdict) { v.Outcome = judge.Rollback }, "rollback page", "must be rolled back: errors are worse"},
		"inconclusive":       {func(v *judge.Verdict) { v.Outcome = judge.Inconclusive }, "inconclusive ticket", "could not be decided in time: errors"},
		"held, with a page":  {func(v *judge.Verdict) { v.Outcome, v.Page = judge.Inconclusive, "decide" }, "inconclusive page", "could not be decided"},
		"both arms degraded": {func(v *judge.Verdict) { v.Page = "both arms are degraded" }, "continue page", "needs a person: both arms are degraded"},
		"a shadow's":         {func(v *judge.Verdict) { v.Outcome, v.Mode = judge.Rollback, "shadow" }, "rollback info", "nothing follows from it) must be rolled back"},
		"a long one":         {func(v *judge.Verdict) { v.Outcome, v.Reason = judge.Rollback, strings.Repeat("ä", 2000) }, "rollback page", "ä…"},
	} {
		s, a, _ := newPaged(t)
		s.says(1, c.say)
		if got := a.active(); got != c.want || !strings.Contains(a.held[c.want].Annotations["summary"], c.text) || len(a.held[c.want].Annotations["summary"]) > 1000 {
			t.Errorf("%s: got %q with %v, want %q and %q", name, got, a.held[c.want].Annotations, c.want, c.text)
		}
	}
}

// Another cause is another alert; the one before it is over at once. A cause that comes
// back begins anew.
func TestAVerdictThatChanges(t *testing.T) {
	s, a, _ := newPaged(t)
	hold := func(v *judge.Verdict) { v.Outcome = judge.Inconclusive }
	bad := func(v *judge.Verdict) { v.Outcome = judge.Rollback }
	for i, step := range []struct {
		say  func(*judge.Verdict)
		want string
	}{
		{hold, "inconclusive ticket"}, {hold, "inconclusive ticket"}, {func(*judge.Verdict) {}, ""}, {hold, "inconclusive ticket"}, {bad, "rollback page"}, {bad, "rollback page"},
	} {
		s.says(i+1, step.say)
		if got := a.active(); got != step.want {
			t.Errorf("step %d: got %q, want %q", i, got, step.want)
		}
		s.pass(7 * time.Minute)
		if got := a.active(); got != step.want {
			t.Errorf("step %d, later: got %q, want %q still", i, got, step.want)
		}
	}
}

// A replica that is away hears of it when it is back, and does not keep the other from
// hearing it. What was queued for one that is configured no more is of no interest.
func TestAnAlertmanagerThatIsAway(t *testing.T) {
	s, a, b := newPaged(t)
	b.err = &alertplaces.Error{Err: errors.New("gave no answer")}
	s.says(1, func(v *judge.Verdict) { v.Outcome = judge.Rollback })
	if failed := testutil.CollectAndCount(s.p.Collector()); a.active() != "rollback page" || failed != 1 {
		t.Errorf("got %q and failures of %d places, want one told, and the other one's failure seen", a.active(), failed)
	}
	b.err = &alertplaces.Error{Err: errors.New("400"), Permanent: true}
	s.pass(4 * time.Minute)
	b.err = nil
	s.pass(2 * time.Minute)
	if b.active() != "rollback page" {
		t.Errorf("got %q, want it told when it is back", b.active())
	}
	s.p.c.Alertmanagers = s.p.c.Alertmanagers[:1]
	b.told = 0
	s.pass(6 * time.Minute)
	if b.told != 0 || a.active() != "rollback page" {
		t.Errorf("got %d told and %q, want only the one that is left told", b.told, a.active())
	}
}

func TestPlansWithoutAlertsTellNone(t *testing.T) {
	s, a, _ := newPaged(t)
	s.journal.plan.Alerts.Disabled = true
	s.says(1, func(v *judge.Verdict) { v.Outcome = judge.Rollback })
	if a.told != 0 {
		t.Errorf("got %s told, want nothing", fmt.Sprint(a.held))
	}
}

package notify_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/notify"
	"github.com/serin-canary/serin/webhooks/notify/notifytest"
)

func pagerTarget(t testing.TB, f *notifytest.PagerDuty) notify.Target {
	return notify.Target{Name: "page", PagerDuty: &notify.PagerDuty{RoutingKey: secret(t, f.Key), API: f.API()}}
}

func actions(f *notifytest.PagerDuty) string {
	var out []string
	for _, e := range f.Events() {
		out = append(out, e.Action)
	}
	return strings.Join(out, " ")
}

// A pipeline may close a rollout before PagerDuty could be told of its rollback.
func TestPagerDutyHearsOfWhatIsOverAlready(t *testing.T) {
	for name, c := range map[string]struct {
		why    string
		change func(*judge.Verdict)
		want   string
	}{
		"closed by a pipeline": {"closed", nil, "trigger resolve"},
		"nobody was heard of":  {"swept: nobody asked since noon", nil, "trigger"},
		"only watched":         {"closed", func(v *judge.Verdict) { v.Mode = "shadow" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := notifytest.NewPagerDuty(t)
			w := newWorld(t, nil, pagerTarget(t, f))
			w.announce(nil)
			w.look(judge.Continue, nil)
			w.work()
			w.look(judge.Rollback, c.change)
			w.end(c.why)
			w.work()
			if got := actions(f); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Nobody hears of the event's answer, and the rollout is closed before it is sent again.
func TestPagerDutyResolvesWhatMayBeOpen(t *testing.T) {
	for name, c := range map[string]struct {
		cut  func(f *notifytest.PagerDuty)
		then func(w *world)
		want string
	}{
		"the answer was lost": {func(f *notifytest.PagerDuty) { f.Lose("") }, func(w *world) { w.end("closed") }, "trigger trigger resolve"},
		"the event was lost":  {func(f *notifytest.PagerDuty) { f.Fail(502, "", nil) }, func(w *world) { w.end("closed") }, "trigger resolve"},
		"a person promotes":   {func(f *notifytest.PagerDuty) { f.Lose("") }, func(w *world) { w.look(judge.Promote, nil) }, "trigger resolve"},
	} {
		t.Run(name, func(t *testing.T) {
			f := notifytest.NewPagerDuty(t)
			w := newWorld(t, nil, pagerTarget(t, f))
			w.announce(nil)
			w.look(judge.Rollback, nil)
			c.cut(f)
			job := w.jobs[0]
			w.jobs = nil
			if err := w.notices.Handlers()[job.Kind](t.Context(), job); err == nil {
				t.Fatal("got success of an event without an answer")
			}
			c.then(w)
			w.work()
			if got := actions(f); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// The answer to what resolves the alert is lost: it is not opened again.
func TestPagerDutyResolvesTwiceAtMost(t *testing.T) {
	f := notifytest.NewPagerDuty(t)
	w := newWorld(t, nil, pagerTarget(t, f))
	w.announce(nil)
	w.look(judge.Rollback, nil)
	w.work()
	w.end("closed")
	f.Lose("")
	w.work()
	if got := actions(f); got != "trigger resolve resolve" {
		t.Errorf("got %q, want no second alert", got)
	}
}

// What resolves the alert overtakes what opens it, of another process.
func TestPagerDutyIsNotLeftOpenByAProcessThatIsLate(t *testing.T) {
	f := notifytest.NewPagerDuty(t)
	w := newWorld(t, nil, pagerTarget(t, f))
	w.announce(nil)
	w.look(judge.Rollback, nil)
	job, proceed := w.slow("enqueue")
	w.end("closed")
	w.work()
	if got := actions(f); got != "trigger resolve" {
		t.Fatalf("got %q of the process that overtook", got)
	}
	w.late(job, proceed())
	if got := actions(f); got != "trigger resolve trigger trigger resolve" {
		t.Errorf("got %q, want that what came late is resolved", got)
	}
}

// A verdict that a person must look at calls one, whatever its outcome.
func TestPagesCall(t *testing.T) {
	for name, c := range map[string]struct {
		outcome judge.Outcome
		page    string
		then    func(w *world)
		want    string // the events of PagerDuty
		summary string
		cards   int // of Teams, which asks for pages alone
	}{
		"both arms are degraded": {judge.Continue, "both arms are degraded: errors", func(w *world) { w.look(judge.Continue, nil) }, "trigger resolve",
			"A person must look: checkout in shop, revision v2. both arms are degraded: errors", 1},
		"it stays so": {judge.Continue, "both arms are degraded: errors 5 %", func(w *world) {
			w.look(judge.Continue, func(v *judge.Verdict) { v.Page = "both arms are degraded: errors 6 %" })
		}, "trigger", "A person must look", 1},
		"then it is closed": {judge.Continue, "both arms are degraded: errors", func(w *world) { w.end("closed") }, "trigger resolve", "A person must look", 1},
		"held at its deadline": {judge.Inconclusive, "checkout is held at its deadline; decide", func(w *world) { w.look(judge.Promote, nil) }, "trigger resolve",
			"Not decided in time: checkout in shop, revision v2. checkout is held at its deadline; decide", 1},
		"nobody must": {judge.Inconclusive, "", func(*world) {}, "", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			f, s := notifytest.NewPagerDuty(t), notifytest.NewTeams(t)
			w := newWorld(t, nil, pagerTarget(t, f), notify.Target{Name: "ops", Outcomes: []string{"page"}, Teams: &notify.Teams{URL: secret(t, s.Address())}})
			w.announce(nil)
			w.look(c.outcome, func(v *judge.Verdict) { v.Page = c.page })
			w.work()
			c.then(w)
			w.work()
			if got := actions(f); got != c.want || len(s.Cards()) != c.cards {
				t.Fatalf("got %q and %d cards, want %q and %d", got, len(s.Cards()), c.want, c.cards)
			}
			if c.want != "" && !strings.HasPrefix(f.Events()[0].Payload.Summary, c.summary) {
				t.Errorf("got the summary %q, want %q first", f.Events()[0].Payload.Summary, c.summary)
			}
		})
	}
}

// What comes before the end is told once, and takes no end's place.
func TestPagesTakeNoEndsPlace(t *testing.T) {
	f := notifytest.NewTeams(t)
	w := newWorld(t, nil, notify.Target{Name: "ops", Outcomes: []string{"page", "promote", "rollback", "closed"}, Teams: &notify.Teams{URL: secret(t, f.Address())}})
	degraded := func(v *judge.Verdict) { v.Page = fmt.Sprint("both arms are degraded at look ", v.Seq) }
	told := func(step string, want ...string) {
		t.Helper()
		w.work()
		got := f.Cards()
		if len(got) != len(want) {
			t.Fatalf("%s: got %d cards, want %d", step, len(got), len(want))
		}
		for i := range want {
			if !strings.Contains(string(got[i]), want[i]) {
				t.Errorf("%s: card %d misses %q: %s", step, i, want[i], got[i])
			}
		}
	}
	w.announce(nil)
	w.look(judge.Continue, degraded)
	told("it begins", "A person must look")
	w.look(judge.Continue, nil)
	w.look(judge.Continue, degraded)
	told("again", "A person must look")
	w.look(judge.Promote, nil)
	told("promoted", "A person must look", "Promote: ")
	w.look(judge.Continue, degraded)
	told("after the end", "A person must look", "Promote: ")
	w.look(judge.Rollback, nil)
	told("rolled back", "A person must look", "Promote: ", "Roll back: ")
}

// What is said after the end is no page: the end was graver.
func TestPagesComeBeforeTheEnd(t *testing.T) {
	f := notifytest.NewTeams(t)
	w := newWorld(t, nil, notify.Target{Name: "ops", Outcomes: []string{"page", "promote", "closed"}, Teams: &notify.Teams{URL: secret(t, f.Address())}})
	w.announce(nil)
	w.look(judge.Promote, nil)
	w.work()
	w.look(judge.Continue, func(v *judge.Verdict) { v.Page = "both arms are degraded" })
	w.work()
	if got := f.Cards(); len(got) != 1 {
		t.Fatalf("got %d cards, want the promotion's alone", len(got))
	}
	w.announce(func(r *rollout.Rollout) { r.Service = "cart" })
	w.look(judge.Continue, func(v *judge.Verdict) { v.Page = "both arms are degraded" })
	w.work()
	w.end("closed")
	w.work()
	if got := f.Cards(); len(got) != 3 || !strings.Contains(string(got[2]), "Over without a verdict: cart") {
		t.Errorf("got %d cards, want the page and the end of cart after the promotion", len(got))
	}
}

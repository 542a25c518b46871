package notify_test

import (
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/webhooks/notify"
	"github.com/serin-canary/serin/webhooks/notify/notifytest"
)

// irreversible is the verdict of a plan with reversible: false.
func irreversible(v *judge.Verdict) {
	v.RollBack = judge.Answer{Reason: "held, not rolled back, because the plan says reversible: false: " + v.Reason}
	v.Page = "CRITICAL: this rollout cannot be reversed and is judged bad: " + v.Reason
}

// Nobody who is woken may read that a rollout is to be rolled back which cannot be.
func TestWhatCannotBeReversedIsNotCalledARollback(t *testing.T) {
	const headline, why = "Judged bad, do not roll back: checkout in shop, revision v2", "CRITICAL: this rollout cannot be reversed and is judged bad: errors 5 %"
	pf, sf, gf, tf, post := notifytest.NewPagerDuty(t), notifytest.NewSlack(t), notifytest.NewGitHub(t), notifytest.NewTeams(t), newPost(t, "starttls")
	w := newWorld(t, func(c *notify.Config) { c.Roots = post.roots }, pagerTarget(t, pf), slackTarget(t, sf), gitTarget(t, gf), post.target(t, "starttls"),
		notify.Target{Name: "teams", Teams: &notify.Teams{URL: secret(t, tf.Address())}})
	w.announce(nil)
	w.look(judge.Rollback, irreversible)
	w.work()
	letters := post.got()
	if len(pf.Events()) != 1 || len(sf.Messages()) == 0 || len(gf.Statuses()) != 1 || len(tf.Cards()) != 1 || len(letters) != 1 {
		t.Fatal("somebody was not told")
	}
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"pagerduty":         {pf.Events()[0].Payload.Summary, []string{headline + ". " + why}},
		"slack, on a phone": {sf.Messages()[0].Text, []string{headline + ". " + why}},
		"slack":             {blocksOf(sf.Messages()[0]), []string{headline, why}},
		"github, status":    {gf.Statuses()[0].State + " " + gf.Statuses()[0].Description, []string{"failure " + why}},
		"github, comment":   {gf.Comments()[0].Body, []string{"Judged bad, do not roll back", "this rollout cannot be reversed"}},
		"teams":             {string(tf.Cards()[0]), []string{headline, why}},
		"mail":              {leavesOf(t, letters[0])["text/plain"], []string{headline, why}},
	} {
		for _, want := range c.want {
			if !strings.Contains(c.text, want) {
				t.Errorf("%s misses %q: %s", name, want, c.text)
			}
		}
		if strings.Contains(c.text, "Roll back") {
			t.Errorf("%s says to roll back: %s", name, c.text)
		}
	}
}

// A commit status of a rollout that is only watched says so.
func TestStatusSaysThatItIsOnlyWatched(t *testing.T) {
	for name, c := range map[string]struct {
		outcome judge.Outcome
		want    string
	}{
		"rollback": {judge.Rollback, "success only watched, would roll back: errors 5 %"},
		"promote":  {judge.Promote, "success only watched: errors 0.5 %"},
	} {
		t.Run(name, func(t *testing.T) {
			f := notifytest.NewGitHub(t)
			w := newWorld(t, nil, gitTarget(t, f))
			w.announce(nil)
			w.look(c.outcome, func(v *judge.Verdict) { v.Mode = "shadow" })
			w.work()
			all := f.Statuses()
			if got := all[len(all)-1].State + " " + all[len(all)-1].Description; !strings.HasPrefix(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

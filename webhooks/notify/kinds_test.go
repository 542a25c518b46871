package notify_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries/store"
	"github.com/serin-canary/serin/webhooks/notify"
	"github.com/serin-canary/serin/webhooks/notify/notifytest"
)

func TestTeamsHasACardAtTheEnd(t *testing.T) {
	f := notifytest.NewTeams(t)
	w := newWorld(t, nil, notify.Target{Name: "ops", Teams: &notify.Teams{URL: secret(t, f.Address())}})
	w.announce(nil)
	w.look(judge.Continue, nil)
	w.look(judge.Rollback, nil)
	w.end("rolled back")
	w.work()
	got := f.Cards()
	if len(got) != 1 {
		t.Fatalf("got %d cards, want one", len(got))
	}
	for _, want := range []string{"✗ Roll back: checkout in shop, revision v2", "errors 5 % against 0.5 %", `"title":"Report","type":"Action.OpenUrl"`} {
		if !strings.Contains(string(got[0]), want) {
			t.Errorf("the card misses %q: %s", want, got[0])
		}
	}
	w.hides("fake-signature-0000")
}

func TestTeamsCardFits(t *testing.T) {
	f := notifytest.NewTeams(t)
	w := newWorld(t, nil, notify.Target{Name: "ops", Teams: &notify.Teams{URL: secret(t, f.Address())}})
	w.announce(func(r *rollout.Rollout) { r.Revision = strings.Repeat("€", 300) })
	w.look(judge.Rollback, func(v *judge.Verdict) {
		v.Reason, v.Page = strings.Repeat("€", 5000), strings.Repeat("€", 5000)
		for range 30 {
			f := v.Findings[0]
			f.Name = strings.Repeat("€", 300)
			v.Findings = append(v.Findings, f)
		}
	})
	w.work()
	if got := f.Cards(); len(got) != 1 || len(got[0]) > 20<<10 || !strings.Contains(string(got[0]), `"weight":"Bolder"`) {
		t.Errorf("got %d cards, want one with room for what Workflows adds", len(got))
	}
}

func TestPagerDutyOpensAndResolves(t *testing.T) {
	for name, c := range map[string]struct {
		then func(w *world)
		want string
	}{
		"closed": {func(w *world) { w.end("the controller rolled back") }, "trigger resolve"},
		"a person promotes": {func(w *world) {
			w.look(judge.Promote, nil)
			w.work()
			w.end("promoted")
		}, "trigger resolve"},
		"nobody was heard of": {func(w *world) { w.end("swept: nobody asked since noon") }, "trigger"},
		"more looks":          {func(w *world) { w.look(judge.Rollback, func(v *judge.Verdict) { v.Page = "look" }) }, "trigger"},
	} {
		t.Run(name, func(t *testing.T) {
			f := notifytest.NewPagerDuty(t)
			w := newWorld(t, nil, notify.Target{Name: "page", PagerDuty: &notify.PagerDuty{RoutingKey: secret(t, f.Key), API: f.API()}})
			w.announce(nil)
			w.look(judge.Continue, nil)
			w.work()
			w.look(judge.Rollback, nil)
			f.Lose("") // the event is taken twice: it has one key
			w.work()
			c.then(w)
			w.work()
			events := f.Events()
			var actions []string
			keys := map[string]bool{}
			for _, e := range events {
				keys[e.Dedup] = true
				if n := len(actions); n == 0 || actions[n-1] != e.Action {
					actions = append(actions, e.Action)
				}
			}
			if got := strings.Join(actions, " "); got != c.want || len(keys) != 1 || !keys["serin/page/"+w.rollout.ID] {
				t.Errorf("got %s with the keys %v, want %s with one", got, keys, c.want)
			}
			if p := events[0].Payload; !strings.Contains(p.Summary, "Roll back: checkout") || p.Severity != "critical" || len(events[0].Links) != 2 {
				t.Errorf("got %+v, want the sentence, its severity and two links", events[0])
			}
			w.hides(f.Key)
		})
	}
}

func TestPagerDutySleepsInShadow(t *testing.T) {
	f := notifytest.NewPagerDuty(t)
	w := newWorld(t, nil, notify.Target{Name: "page", PagerDuty: &notify.PagerDuty{RoutingKey: secret(t, f.Key), API: f.API()}})
	w.announce(nil)
	w.look(judge.Rollback, func(v *judge.Verdict) { v.Mode = "shadow" })
	w.work()
	w.end("over")
	w.work()
	if got := f.Events(); len(got) != 0 {
		t.Errorf("got %+v of a rollout that is only watched, want nothing", got)
	}
}

// receiver is a real verifier of Standard Webhooks.
type receiver struct {
	*httptest.Server
	ids    []string
	bodies []string
}

func newReceiver(t *testing.T, key string) *receiver {
	r := &receiver{}
	verify, err := standardwebhooks.NewWebhook(key)
	if err != nil {
		t.Fatal(err)
	}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		if err := verify.VerifyIgnoringTimestamp(body, q.Header); err != nil {
			t.Errorf("the signature does not hold: %v", err)
		}
		r.ids = append(r.ids, q.Header.Get("webhook-id"))
		r.bodies = append(r.bodies, string(body))
		if len(r.ids) == 1 {
			w.WriteHeader(http.StatusBadGateway) // it is sent again
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func TestWebhookIsSignedAndKnownAgain(t *testing.T) {
	const key = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	r := newReceiver(t, key)
	w := newWorld(t, nil, notify.Target{Name: "hook", Webhook: &notify.Webhook{URL: r.URL + "/serin", Secrets: []store.Secret{secret(t, key)}}})
	w.announce(nil)
	w.look(judge.Rollback, nil)
	w.work()
	if len(r.ids) != 2 || r.ids[0] != r.ids[1] || r.ids[0] != w.rollout.ID+".hook.rollout.rollback" {
		t.Fatalf("got the IDs %v, want one twice", r.ids)
	}
	var got struct {
		Type string
		Data struct {
			Service, Text, Report string
			Verdict               judge.Verdict
		}
	}
	if err := json.Unmarshal([]byte(r.bodies[1]), &got); err != nil {
		t.Fatal(err)
	}
	if got.Type != "rollout.rollback" || got.Data.Service != "checkout" || got.Data.Verdict.Outcome != judge.Rollback || len(got.Data.Verdict.Findings) != 1 ||
		!strings.HasPrefix(got.Data.Text, "Roll back: checkout") || got.Data.Report == "" {
		t.Errorf("got %+v, want the verdict in words and as it is", got)
	}
	w.hides(key)
}

func gitTarget(t testing.TB, f *notifytest.GitHub) notify.Target {
	return notify.Target{Name: "git", GitHub: &notify.GitHub{Token: secret(t, f.Token), Repository: "{{.Namespace}}/{{.Service}}", API: f.API()}}
}

func TestGitHubHasAStatusAndOneComment(t *testing.T) {
	f := notifytest.NewGitHub(t)
	f.Say("<!-- somebody else's --> fine")
	w := newWorld(t, nil, gitTarget(t, f))
	w.announce(nil) // v2 is a tag
	w.work()
	w.look(judge.Continue, nil)
	w.work()
	w.look(judge.Rollback, nil)
	w.work()
	w.end("rolled back")
	w.work()
	var states []string
	for _, s := range f.Statuses() {
		states = append(states, s.State)
	}
	if got := strings.Join(states, " "); got != "pending failure failure" {
		t.Errorf("got the states %s, want pending, failure, and failure once it is over", got)
	}
	last := f.Statuses()[len(states)-1]
	if last.Context != "serin/shop/checkout" || last.Target != "https://serin.example.org/r/"+w.rollout.ID || !strings.HasPrefix(last.Description, "errors 5 %") {
		t.Errorf("got %+v", last)
	}
	all := f.Comments()
	if len(all) != 2 || all[1].Edits < 2 || !strings.Contains(all[1].Body, "| ✗ | **errors** | worse | 5 % | 0.5 % | 10× |") {
		t.Errorf("got %d comments, %+v; want one more, changed", len(all), all)
	}
	w.hides(f.Token)
}

func TestGitHubFindsTheCommentOfAKilledProcess(t *testing.T) {
	f := notifytest.NewGitHub(t)
	for range 150 { // the second page
		f.Say("+1")
	}
	target := gitTarget(t, f)
	off := false
	target.GitHub.Status, target.GitHub.Commit, target.GitHub.Repository = &off, f.SHA, "shop/checkout"
	w := newWorld(t, nil, target)
	w.announce(nil)
	job := w.jobs[0]
	f.Say("<!-- serin abcdefghijklmnop git --> of another rollout")
	f.Say("somebody quotes <!-- serin " + w.rollout.ID + " git -->")
	f.Lose("POST /api/v3/repos/shop/checkout/issues/7/comments")
	if err := w.notices.Handlers()[job.Kind](t.Context(), job); err == nil {
		t.Fatal("got success of a request without an answer")
	}
	w.work()
	if got := len(f.Comments()); got != 153 {
		t.Fatalf("got %d comments, want 153", got)
	}
	for i, c := range f.Comments() {
		if ours := i == 152; ours != strings.HasPrefix(c.Body, "<!-- serin "+w.rollout.ID+" git -->") || !ours && c.Edits > 0 {
			t.Errorf("comment %d was changed %d times: %.80q", i, c.Edits, c.Body)
		}
	}
	w.announce(func(r *rollout.Rollout) { r.Namespace = "other" })
	w.work()
	if got := f.Comments(); len(got) != 154 {
		t.Errorf("got %d comments, want one more, of the other rollout", len(got))
	}
}

func TestGitHubLimits(t *testing.T) {
	f := notifytest.NewGitHub(t)
	w := newWorld(t, nil, gitTarget(t, f))
	f.Fail(403, `{"message":"API rate limit exceeded"}`, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1772366700"}) // five minutes from the start
	w.announce(nil)
	w.work()
	if got := w.clock().Sub(start()); got < 5*time.Minute || got > 6*time.Minute || len(f.Comments()) != 1 {
		t.Errorf("got %d comments after %s, want one after five minutes", len(f.Comments()), got)
	}
}

func TestGitHubWithoutPullRequestOrCommit(t *testing.T) {
	f := notifytest.NewGitHub(t)
	f.Pull = 0
	w := newWorld(t, nil, gitTarget(t, f))
	w.announce(nil)
	w.work()
	if len(f.Comments()) != 0 || len(f.Statuses()) != 1 {
		t.Errorf("got %d comments and %d statuses, want the status alone", len(f.Comments()), len(f.Statuses()))
	}
	w.announce(func(r *rollout.Rollout) { r.Revision = "no-such-tag" })
	if err := w.try(w.notices); err == nil || !strings.Contains(err.Error(), `shop/checkout has no commit "no-such-tag"`) {
		t.Errorf("got %v, want which commit is missing", err)
	}
	w.announce(func(r *rollout.Rollout) { r.Revision = "../../../user" })
	if err := w.try(w.notices); err == nil || !strings.Contains(err.Error(), "is no commit, tag or branch") {
		t.Errorf("got %v, want that it is none", err)
	}
}

package notify_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"image/png"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/notify"
	"github.com/serin-canary/serin/webhooks/notify/notifytest"
)

func slackTarget(t testing.TB, f *notifytest.Slack) notify.Target {
	return notify.Target{Name: "ops", Slack: &notify.Slack{Token: secret(t, f.Token), Channel: f.Channel, API: f.API()}}
}

// blocksOf returns a message's blocks as text.
func blocksOf(m notifytest.SlackMessage) string {
	b, _ := json.Marshal(m.Blocks)
	return string(b)
}

func TestSlackHasOneMessageOfARollout(t *testing.T) {
	f := notifytest.NewSlack(t)
	f.Slow = 2
	w := newWorld(t, nil, slackTarget(t, f))
	w.announce(nil)
	w.work()
	if got := f.Messages(); len(got) != 1 || !strings.Contains(got[0].Text, "Judging: checkout in shop, revision v2") {
		t.Fatalf("got %+v, want one message at the announcement", got)
	}
	w.look(judge.Continue, nil)
	w.work()
	w.look(judge.Rollback, nil)
	w.work()
	got := f.Messages()
	if len(got) != 1 || got[0].Edits < 2 {
		t.Fatalf("got %d messages, the first changed %d times; want one, changed for the look and for the rollback", len(got), got[0].Edits)
	}
	text := blocksOf(got[0])
	for _, want := range []string{
		`✗ Roll back: checkout in shop, revision v2`, "errors 5 % against 0.5 % of the baseline", `"slack_file":{"id":"F00000001"}`, "https://serin.example.org/r/" + w.rollout.ID,
		"https://grafana.example.org/d/" + w.rollout.ID, "*errors*: worse, 5 % against 0.5 %",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the message misses %q: %s", want, text)
		}
	}
	if _, err := png.Decode(bytes.NewReader(f.File("F00000001"))); err != nil {
		t.Errorf("the picture is none: %v", err)
	}
	edits := got[0].Edits
	w.end("rolled back by the controller")
	w.work()
	if got := f.Messages(); len(got) != 1 || got[0].Edits != edits+1 || !strings.Contains(blocksOf(got[0]), "over since 2026-03-01 12:03 UTC: rolled back by the controller") {
		t.Errorf("got %d messages, %d changes: %s; want the end in the same message", len(got), got[0].Edits, blocksOf(got[0]))
	}
	w.counted("ops", map[string]int{"sent": 2, "updated": 4})
	w.hides(f.Token)
}

// What was posted before the process died is found again, and changed.
func TestSlackFindsWhatAKilledProcessPosted(t *testing.T) {
	f := notifytest.NewSlack(t)
	w := newWorld(t, nil, slackTarget(t, f))
	f.Lose("chat.postMessage") // posted, and nobody heard of it
	w.announce(nil)
	w.work()
	w.look(judge.Rollback, nil)
	w.work()
	if got := f.Messages(); len(got) != 1 || !strings.Contains(got[0].Text, "Roll back") {
		t.Errorf("got %d messages: %+v; want one", len(got), got)
	}
	if n := f.Calls()["conversations.history"]; n != 1 {
		t.Errorf("looked %d times for the message, want once", n)
	}
}

// An app that may not read the channel posts again, and says what it lacks.
func TestSlackMayDoubleWithoutHistory(t *testing.T) {
	f := notifytest.NewSlack(t)
	f.Scopes = []string{"chat:write", "files:write"}
	w := newWorld(t, nil, slackTarget(t, f))
	f.Lose("chat.postMessage")
	w.announce(nil)
	w.work()
	if got := f.Messages(); len(got) != 2 || !strings.Contains(w.log.String(), "channels:history") {
		t.Errorf("got %d messages, want two, and a word about the scope: %s", len(got), w.log.String())
	}
}

// Two replicas that work at once post one message.
func TestSlackReplicasPostOnce(t *testing.T) {
	f := notifytest.NewSlack(t)
	w := newWorld(t, nil, slackTarget(t, f))
	w.announce(nil)
	job := w.jobs[0]
	var all sync.WaitGroup
	var mu sync.Mutex
	busy := 0
	for range 6 {
		n := w.another()
		all.Go(func() {
			err := n.Handlers()[job.Kind](t.Context(), job)
			var later *outbox.LaterError
			mu.Lock()
			defer mu.Unlock()
			if errors.As(err, &later) {
				busy++
			} else if err != nil {
				t.Errorf("got %v, want success or later", err)
			}
		})
	}
	all.Wait()
	if got := f.Messages(); len(got) != 1 {
		t.Errorf("got %d messages of six replicas (%d of them told to come later), want one", len(got), busy)
	}
}

func TestSlackGoesWithoutAPictureThatIsNotReady(t *testing.T) {
	for name, prepare := range map[string]func(*notifytest.Slack){
		"never ready": func(f *notifytest.Slack) { f.Slow = 1000 },
		"no scope":    func(f *notifytest.Slack) { f.Scopes = []string{"chat:write"} },
	} {
		t.Run(name, func(t *testing.T) {
			f := notifytest.NewSlack(t)
			prepare(f)
			w := newWorld(t, nil, slackTarget(t, f))
			w.announce(nil)
			w.look(judge.Rollback, nil)
			w.work()
			got := f.Messages()
			if len(got) != 1 || !strings.Contains(got[0].Text, "Roll back") || strings.Contains(blocksOf(got[0]), "slack_file") {
				t.Errorf("got %+v, want the message without its picture", got)
			}
		})
	}
}

func TestSlackLimitIsObeyed(t *testing.T) {
	f := notifytest.NewSlack(t)
	w := newWorld(t, nil, slackTarget(t, f))
	w.announce(nil)
	first := w.jobs[0]
	f.Fail(429, "", map[string]string{"Retry-After": "37"})
	err := w.notices.Handlers()[first.Kind](t.Context(), first)
	var later *outbox.LaterError
	if !errors.As(err, &later) || later.After != 37*time.Second {
		t.Fatalf("got %v, want to come again in 37 s", err)
	}
	w.announce(func(r *rollout.Rollout) { r.Service = "cart" })
	second := w.jobs[1]
	w.pass(10 * time.Second)
	if err := w.notices.Handlers()[second.Kind](t.Context(), second); !errors.As(err, &later) || later.After != 27*time.Second || f.Calls()["chat.postMessage"] != 0 {
		t.Errorf("got %v, want that another rollout waits, too, and Slack is not asked", err)
	}
	w.pass(30 * time.Second)
	if err := w.try(w.notices); err != nil || len(f.Messages()) != 2 {
		t.Errorf("got %v and %d messages, want both told", err, len(f.Messages()))
	}
}

func TestSlackTakenAwayStaysAway(t *testing.T) {
	f := notifytest.NewSlack(t)
	w := newWorld(t, nil, slackTarget(t, f))
	w.announce(nil)
	w.work()
	f.Delete(f.Messages()[0].TS)
	w.look(judge.Rollback, nil)
	w.work()
	if got := f.Messages(); len(got) != 0 {
		t.Errorf("got %+v, want that what a person removed is not posted again", got)
	}
}

func TestSlackRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*notifytest.Slack)
		want    string
	}{
		"another token": {func(f *notifytest.Slack) { f.Token = "xoxb-other" }, "Slack refused chat.postMessage: invalid_auth"},
		"scope":         {func(f *notifytest.Slack) { f.Scopes = nil }, "missing_scope, the app needs the scope chat:write"},
		"channel":       {func(f *notifytest.Slack) { f.Channel = "C9999999999" }, "channel_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			f := notifytest.NewSlack(t)
			token := f.Token
			w := newWorld(t, nil, slackTarget(t, f))
			c.prepare(f)
			w.announce(nil)
			err := w.notices.Handlers()[w.jobs[0].Kind](t.Context(), w.jobs[0])
			var later *outbox.LaterError
			if !errors.As(err, &later) || !later.Refused || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q, to be mended by a person", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), token) {
				t.Errorf("the error has the token: %v", err)
			}
		})
	}
}

func TestLongOverIsDropped(t *testing.T) {
	f := notifytest.NewSlack(t)
	w := newWorld(t, nil, slackTarget(t, f))
	w.announce(nil)
	w.look(judge.Rollback, nil)
	w.end("gone")
	w.pass(7 * time.Hour)
	w.work()
	if got := f.Messages(); len(got) != 0 || !strings.Contains(w.log.String(), "the rollout is long over") {
		t.Errorf("got %d messages, want none, and a word of it: %s", len(got), w.log.String())
	}
	if n := w.notices.Counts()[notify.Counted{Target: "ops", Result: "dropped"}]; n == 0 {
		t.Error("nothing counts as dropped")
	}
}

func TestIncomingWebhookPostsOnceAndGraver(t *testing.T) {
	f := notifytest.NewSlack(t)
	hook := f.URL + "/hook"
	w := newWorld(t, nil, notify.Target{Name: "ops", Slack: &notify.Slack{Hook: secret(t, hook)}})
	w.announce(nil)
	w.look(judge.Continue, nil)
	w.work()
	if got := f.Messages(); len(got) != 0 {
		t.Fatalf("got %+v before anything is decided, want nothing", got)
	}
	w.look(judge.Promote, nil)
	w.work()
	w.look(judge.Promote, func(v *judge.Verdict) { v.Page = "look" })
	w.work()
	w.look(judge.Rollback, nil)
	w.work()
	w.end("rolled back")
	w.work()
	got := f.Messages()
	if len(got) != 2 || !strings.Contains(got[0].Text, "Promote") || !strings.Contains(got[1].Text, "Roll back") {
		t.Errorf("got %d messages %+v, want the promotion, and the rollback after it", len(got), got)
	}
	w.hides(hook)
}

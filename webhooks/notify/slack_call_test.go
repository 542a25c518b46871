package notify_test

import (
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/webhooks/notify"
	"github.com/serin-canary/serin/webhooks/notify/notifytest"
)

func replies(f *notifytest.Slack) string {
	var out []string
	for _, m := range f.Replies() {
		word, _, _ := strings.Cut(m.Text, ":")
		out = append(out, word)
	}
	return strings.Join(out, ", ")
}

// Slack notifies nobody of a message that is changed: where it turns bad, a reply does.
func TestSlackCallsTheChannel(t *testing.T) {
	page := func(v *judge.Verdict) { v.Page = "both arms are degraded: errors" }
	for name, c := range map[string]struct {
		change func(*notify.Target)
		then   func(w *world)
		want   string
	}{
		"nothing is wrong": {nil, func(w *world) { w.look(judge.Promote, nil) }, ""},
		"rollback": {nil, func(w *world) {
			w.look(judge.Rollback, nil)
			w.work()
			w.look(judge.Rollback, page)
			w.work()
			w.end("rolled back")
		}, "Roll back"},
		"a person must look": {nil, func(w *world) {
			w.look(judge.Continue, page)
			w.work()
			w.look(judge.Continue, nil)
			w.work()
			w.look(judge.Continue, page)
		}, "A person must look"},
		"and then a rollback": {nil, func(w *world) {
			w.look(judge.Continue, page)
			w.work()
			w.look(judge.Rollback, nil)
		}, "A person must look, Roll back"},
		"it cannot be reversed": {nil, func(w *world) { w.look(judge.Rollback, irreversible) }, "Judged bad, do not roll back"},
		"only watched":          {nil, func(w *world) { w.look(judge.Rollback, func(v *judge.Verdict) { v.Mode = "shadow" }) }, ""},
		"the message itself calls": {func(n *notify.Target) { n.Outcomes = []string{"rollback"} }, func(w *world) {
			w.look(judge.Rollback, nil)
			w.work()
			w.end("rolled back")
		}, ""},
		"over before it was told": {nil, func(w *world) {
			w.look(judge.Rollback, nil)
			w.end("closed")
		}, "Roll back"},
	} {
		t.Run(name, func(t *testing.T) {
			f := notifytest.NewSlack(t)
			target := slackTarget(t, f)
			if c.change != nil {
				c.change(&target)
			}
			w := newWorld(t, nil, target)
			w.announce(nil)
			w.work()
			c.then(w)
			w.work()
			if got := replies(f); got != c.want || len(f.Messages()) != 1 {
				t.Errorf("got the replies %q to %d messages, want %q to one", got, len(f.Messages()), c.want)
			}
			for _, m := range f.Replies() {
				if m.Thread != f.Messages()[0].TS {
					t.Errorf("got a reply to %s, want to the rollout's message", m.Thread)
				}
			}
		})
	}
}

// A reply that was posted when the process died is found again, and not posted twice.
func TestSlackCallsOnceWhateverDies(t *testing.T) {
	f := notifytest.NewSlack(t)
	w := newWorld(t, nil, slackTarget(t, f))
	w.announce(nil)
	w.work()
	w.look(judge.Rollback, nil)
	f.Lose("chat.postMessage")
	w.work()
	w.look(judge.Rollback, func(v *judge.Verdict) { v.Page = "look" })
	w.work()
	if got := replies(f); got != "Roll back" || f.Calls()["conversations.history"] != 1 {
		t.Errorf("got the replies %q after looking %d times, want one", got, f.Calls()["conversations.history"])
	}
}

// A first message that was lost called by nothing: the rollback that came meanwhile does.
func TestSlackCallsAfterAFirstMessageThatWasLost(t *testing.T) {
	f := notifytest.NewSlack(t)
	w := newWorld(t, nil, slackTarget(t, f))
	w.announce(nil)
	job := w.jobs[0]
	f.Lose("chat.postMessage")
	if err := w.notices.Handlers()[job.Kind](t.Context(), job); err == nil {
		t.Fatal("got success of a message without an answer")
	}
	w.look(judge.Rollback, nil)
	w.work()
	if got := replies(f); got != "Roll back" || len(f.Messages()) != 1 {
		t.Errorf("got the replies %q to %d messages, want one to one", got, len(f.Messages()))
	}
}

// A thread that is locked is no reason to say less.
func TestSlackGoesOnWhereItCannotReply(t *testing.T) {
	f := notifytest.NewSlack(t)
	f.Locked = true
	w := newWorld(t, nil, slackTarget(t, f))
	w.announce(nil)
	w.work()
	w.look(judge.Rollback, nil)
	w.work()
	if got := blocksOf(f.Messages()[0]); !strings.Contains(got, "slack_file") || !strings.Contains(w.log.String(), "cannot be replied to") {
		t.Errorf("got %s, want the picture, and a word in the log: %s", got, w.log.String())
	}
}

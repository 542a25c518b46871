package notify_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/webhooks/notify"
	"github.com/serin-canary/serin/webhooks/notify/notifytest"
)

// Two replicas change one message, and the older words come through last: what is shown in
// the end is what is so.
func TestReplicasDoNotLeaveOldWords(t *testing.T) {
	sf, gf, hf := notifytest.NewSlack(t), notifytest.NewGitHub(t), notifytest.NewGitHub(t)
	slackText := func() string { return sf.Messages()[0].Text }
	for name, c := range map[string]struct {
		target notify.Target
		path   string // at which the slow replica is held up
		shown  func() string
		old    string
		want   string
	}{
		"slack":          {slackTarget(t, sf), "chat.update", slackText, "Judging", "Roll back"},
		"github status":  {gitTarget(t, gf), "/statuses/" + gf.SHA, func() string { all := gf.Statuses(); return all[len(all)-1].State }, "pending", "failure"},
		"github comment": {gitTarget(t, hf), "/comments/1000", func() string { return hf.Comments()[0].Body }, "Judging", "Roll back"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, c.target)
			w.announce(nil)
			w.work()
			if name == "github status" {
				w.look(judge.Continue, func(v *judge.Verdict) { v.Page = "both arms are degraded" })
			} else {
				w.look(judge.Continue, nil)
			}
			job, proceed := w.slow(c.path)
			w.look(judge.Rollback, nil)
			w.work()
			if got := c.shown(); !strings.Contains(got, c.want) {
				t.Fatalf("got %q of the replica that overtook, want %q", got, c.want)
			}
			w.late(job, proceed())
			if got := c.shown(); !strings.Contains(got, c.want) || strings.Contains(got, c.old) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// While one replica changes a message the others wait, so that no words overtake others.
func TestReplicasWaitForEachOther(t *testing.T) {
	f := notifytest.NewSlack(t)
	w := newWorld(t, nil, slackTarget(t, f))
	w.announce(nil)
	w.work()
	w.look(judge.Continue, nil)
	job, proceed := w.slow("chat.update")
	err := w.another().Handlers()[job.Kind](t.Context(), job)
	var later *outbox.LaterError
	if !errors.As(err, &later) || later.After > 2*time.Second || f.Calls()["chat.update"] != 0 {
		t.Errorf("got %v after %d changes, want that it waits for a moment", err, f.Calls()["chat.update"])
	}
	if err := proceed(); err != nil {
		t.Errorf("got %v of the replica that was first", err)
	}
	w.late(job, err)
	if n := f.Calls()["chat.update"]; n != 1 {
		t.Errorf("changed %d times, want once", n)
	}
}

// slow begins the first job as another process does, and stops at its first request to a
// path with this end. What it returns lets it go on to its end.
func (w *world) slow(path string) (job outbox.Job, proceed func() error) {
	w.t.Helper()
	job = w.jobs[0]
	w.jobs = nil
	gate, reached, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	c := w.config
	c.Client = &http.Client{Timeout: 5 * time.Minute, Transport: &gated{end: path, gate: gate, reached: reached}}
	n, err := notify.New(c)
	if err != nil {
		w.t.Fatal(err)
	}
	n.Attach(w.journal, w.journal)
	go func() { done <- n.Handlers()[job.Kind](w.t.Context(), job) }()
	select {
	case <-reached:
	case err := <-done:
		w.t.Fatalf("the job asked for nothing: %v", err)
	}
	return job, func() error {
		close(gate)
		return <-done
	}
}

// late tries a job again that must come again, as the outbox does.
func (w *world) late(job outbox.Job, err error) {
	w.t.Helper()
	var later *outbox.LaterError
	if !errors.As(err, &later) {
		w.t.Fatalf("got %v, want that it comes again", err)
	}
	w.pass(later.After)
	if err := w.until(w.notices, job); err != nil {
		w.t.Error(err)
	}
}

// gated is a network in which one request is under way for long.
type gated struct {
	end           string
	gate, reached chan struct{}
	passed        bool // of one goroutine
}

// RoundTrip implements http.RoundTripper.
func (g *gated) RoundTrip(r *http.Request) (*http.Response, error) {
	if !g.passed && strings.HasSuffix(r.URL.Path, g.end) {
		g.passed = true
		close(g.reached)
		<-g.gate
	}
	return http.DefaultTransport.RoundTrip(r)
}

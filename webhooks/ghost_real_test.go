package webhooks

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
)

// TestRealGhost has gh-ost itself migrate a table. SERIN_GHOST is its command line,
// connection and table included:
//
//	SERIN_GHOST="gh-ost --host=127.0.0.1 --user=u --password=p --allow-on-master --database=shop --table=orders"
func TestRealGhost(t *testing.T) {
	command := strings.Fields(os.Getenv("SERIN_GHOST"))
	if len(command) == 0 {
		t.Skip("it needs gh-ost and a database; set SERIN_GHOST to its command line")
	}
	w := newWorld(t, func(c *Config) { c.Tokens = []Token{FullToken("all", "full-token")} })
	server := httptest.NewServer(w.server.Handler())
	defer server.Close()
	path := w.want(w.as("full-token", "POST", "/v1/rollouts", announced1), 201).header.Get("Location")
	look := func(a judge.Answer) {
		w.judge.say(func(v *judge.Verdict) { v.Advance, v.Progress.Paired = a, 3 })
		w.want(w.as("full-token", "POST", path+"/judge", ""), 200)
	}
	look(judge.Answer{Reason: "the canary is warming up"})

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	said := &lines{}
	c := exec.CommandContext(ctx, command[0], append(command[1:],
		"--alter", fmt.Sprintf("ADD COLUMN serin_%d INT", time.Now().Unix()), "--execute", "--ok-to-drop-table", "--initially-drop-ghost-table",
		"--initially-drop-socket-file", "--serve-socket-file", t.TempDir()+"/sock", "--verbose",
		"--throttle-http", strings.Replace(server.URL, "http://", "http://gh-ost:full-token@", 1)+"/throttle/shop/checkout")...)
	c.Stdout, c.Stderr = said, said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	const waits, copies = "State: throttled, Too many requests (http=429)", "Done migrating"
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for going := false; ; {
		select {
		case <-tick.C:
			if !going && strings.Contains(said.String(), waits) {
				if regexp.MustCompile(`Copy: [1-9]`).MatchString(said.String()) {
					t.Errorf("rows were copied before the go:\n%s", said)
				}
				look(judge.Answer{Yes: true, Reason: "no harm"})
				going = true
			}
		case err := <-done:
			if err != nil || !going || !strings.Contains(said.String(), copies) {
				t.Errorf("got %v, told to go %v:\n%s", err, going, said)
			}
			return
		}
	}
}

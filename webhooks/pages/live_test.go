package pages_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The script that keeps pages up to date, run by Node.js with a clock of its own: a page says
// so when it is behind, and only then.
func TestALivePageSaysWhenItIsBehind(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed, which runs the script")
	}
	out, err := exec.CommandContext(t.Context(), node, "testdata/live_sim.js", "assets/live.js").CombinedOutput()
	if err != nil {
		t.Fatalf("got %v: %s", err, out)
	}
	want := `opened: as of page 1; live [] note hidden, 1 fetches, 0 timers
half an hour in the form: NOT UP TO DATE: changed since, not shown while you write (as of page 1) [stale] note shown, 1 fetches, 0 timers
left the form: as of page 2; live [] note hidden, 2 fetches, 0 timers
a minute of silence: NOT UP TO DATE: nothing heard for 70 s [stale] note hidden, 2 fetches, 0 timers
heartbeats again: as of page 3; live [] note hidden, 3 fetches, 0 timers
a server that does not answer: NOT UP TO DATE: the server did not answer [stale] note hidden, 4 fetches, 0 timers
that answers again: as of page 5; live [] note hidden, 5 fetches, 0 timers
`
	if got := string(out); got != want {
		t.Errorf("got\n%swant\n%s", strings.TrimLeft(got, "\n"), want)
	}
}

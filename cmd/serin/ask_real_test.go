package main

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// rolloutSaid finds the rollout that a command opened or found.
var rolloutSaid = regexp.MustCompile(`(Opened|Found) rollout ([a-z2-7]{16})`)

// opened returns what a command did, and with which rollout.
func opened(t *testing.T, e ended) (what, id string) {
	t.Helper()
	m := rolloutSaid.FindStringSubmatch(e.err)
	if m == nil {
		t.Fatalf("exit %d, and no rollout was named:\n%s", e.code, e.all())
	}
	return m[1], m[2]
}

// TestAsk asks a real server about two services, as a pipeline does.
func TestAsk(t *testing.T) {
	w := newAskWorld(t).start("")
	for name, tt := range map[string]struct {
		args []string
		code int
		last string // of the last line but one
	}{
		"start":                 {[]string{"--service=good", "--revision=a", "--gate=start"}, 0, "start: yes: no required check has failed"},
		"a healthy canary":      {[]string{"--service=good", "--revision=b", "--since=5m", "--weight=50"}, 0, "promotion: yes: "},
		"a step":                {[]string{"--service=good", "--revision=c", "--since=5m", "--gate=step"}, 0, "step: yes: fresh evidence of both arms"},
		"too early":             {[]string{"--service=good", "--revision=d", "--gate=step", "--weight=10"}, 4, "step: undecided: "},
		"a failing canary":      {[]string{"--service=bad", "--revision=a", "--since=5m"}, 3, "promotion: no, roll back: errors"},
		"a failing step":        {[]string{"--service=bad", "--revision=b", "--since=5m", "--gate=step"}, 3, "step: no, roll back: errors"},
		"a service nobody has":  {[]string{"--service=ugly", "--revision=a"}, 1, ""},
		"a failing one, waited": {[]string{"--service=bad", "--revision=c", "--since=5m", "--wait=1m"}, 3, "promotion: no, roll back: errors"},
	} {
		t.Run(name, func(t *testing.T) {
			e := w.serin(append([]string{"ask"}, tt.args...)...)
			if e.code != tt.code {
				t.Fatalf("exit %d, want %d:\n%s", e.code, tt.code, e.all())
			}
			if tt.code == 1 {
				if !strings.Contains(e.err, "no plan") || e.out != "" {
					t.Errorf("got %q, want why there is no verdict, and no report", e.all())
				}
				return
			}
			_, id := opened(t, e)
			lines := strings.Split(strings.TrimSpace(e.out), "\n")
			if got := lines[len(lines)-2]; !strings.HasPrefix(got, tt.last) {
				t.Errorf("got the sentence %q, want %q", got, tt.last)
			}
			if got, want := lines[len(lines)-1], "https://serin.example.org/v1/rollouts/"+id; got != want {
				t.Errorf("got the link %q, want %q", got, want)
			}
			// What CodeDeploy's agent keeps.
			tail := e.all()
			tail = tail[max(0, len(tail)-2048):]
			for _, want := range []string{"Summary\n", tt.last, id} {
				if !strings.Contains(tail, want) {
					t.Errorf("the last 2,048 characters lack %q:\n%s", want, tail)
				}
			}
		})
	}
}

// TestEveryMachineOfADeploymentAsksAboutOneRollout plays CodeDeploy's agent on several
// machines at once.
func TestEveryMachineOfADeploymentAsksAboutOneRollout(t *testing.T) {
	w := newAskWorld(t).start("")
	t.Setenv("DEPLOYMENT_ID", "d-ABC")
	t.Setenv("LIFECYCLE_EVENT", "ValidateService")
	t.Setenv("APPLICATION_NAME", "bad")
	ends := make([]ended, 6)
	var machines sync.WaitGroup
	for i := range ends {
		p := w.begin("ask", "--gate=step", "--since=5m", "--weight=50")
		machines.Go(func() { ends[i] = p.wait() })
	}
	machines.Wait()
	ids, news := map[string]bool{}, 0
	for _, e := range ends {
		what, id := opened(t, e)
		ids[id] = true
		if what == "Opened" {
			news++
		}
		if e.code != exitRollback || !strings.Contains(e.err, "The revision is d-ABC, from DEPLOYMENT_ID.\n") || !strings.Contains(e.err, "The service is bad, from APPLICATION_NAME.\n") {
			t.Errorf("exit %d, want %d, and where service and revision are from:\n%s", e.code, exitRollback, e.err)
		}
	}
	if len(ids) != 1 || news != 1 {
		t.Errorf("got %d rollouts, %d times opened, want one, opened once", len(ids), news)
	}
	e := w.serin("ask", "--gate=step", "--output=json")
	if what, _ := opened(t, e); what != "Found" {
		t.Errorf("afterwards: got %s, want the rollout found", what)
	}
	var told struct {
		Gate, Link string
		RollBack   bool
		Exit       int
		Verdict    verdict
	}
	if err := json.Unmarshal([]byte(e.out), &told); err != nil {
		t.Fatal(err)
	}
	r := told.Verdict.Rollout
	if told.Gate != "step" || !told.RollBack || told.Exit != exitRollback || r.Controller != "pipeline" || len(r.Weights) == 0 {
		t.Errorf("got gate %q, exit %d, rollout %+v, want a step that is rolled back, with its weight", told.Gate, told.Exit, r)
	}
	for _, weight := range r.Weights { // declared at the same moment it may be recorded more than once
		if weight.Percent != 50 || weight.At.Sub(r.Weights[0].At).Seconds() > 5 {
			t.Errorf("got the weights %+v, want 50 %%, once", r.Weights)
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(e.err), told.Link) || !strings.Contains(e.err, "step: no, roll back: ") {
		t.Errorf("with -o json standard error ends in %q, want the sentence and the link", e.err)
	}
}

// TestARolloutIsClosedAndBegunAnew closes a rollout as the last step of a pipeline does.
func TestARolloutIsClosedAndBegunAnew(t *testing.T) {
	w := newAskWorld(t).start("")
	t.Setenv("GITHUB_SHA", "abc")
	t.Setenv("SERIN_SERVICE", "bad")
	if e := w.serin("rollout", "weight", "25"); e.code != 1 || !strings.Contains(e.err, "announce it first: serin ask --gate start") {
		t.Errorf("a weight of nothing: exit %d, %s", e.code, e.all())
	}
	if e := w.serin("rollout", "close"); e.code != 0 || !strings.Contains(e.out, "There is nothing to close") {
		t.Errorf("nothing to close: exit %d, %s", e.code, e.all())
	}
	_, first := opened(t, w.serin("ask", "--gate=step", "--since=5m"))
	if e := w.serin("rollout", "weight", "25"); e.code != 0 || !strings.Contains(e.out, first+": the canary has 25 %") {
		t.Errorf("a weight: exit %d, %s", e.code, e.all())
	}
	if what, again := opened(t, w.serin("ask", "--gate=step")); what != "Found" || again != first {
		t.Errorf("asked again: got %s %s, want %s found", what, again, first)
	}
	if e := w.serin("rollout", "close", "--why=rolled back"); e.code != 0 || !strings.Contains(e.out, first+" is closed: rolled back") {
		t.Errorf("closed: exit %d, %s", e.code, e.all())
	}
	e := w.serin("ask", "--gate=step", "--weight=10")
	if what, second := opened(t, e); what != "Opened" || second == first || e.code != exitUndecided {
		t.Errorf("after that: exit %d, %s %s, want a rollout of its own", e.code, what, second)
	}
}

// TestShadowModeNeverBlocksAPipeline says so, too.
func TestShadowModeNeverBlocksAPipeline(t *testing.T) {
	w := newAskWorld(t).start("mode: shadow\n")
	e := w.serin("ask", "--service=bad", "--revision=a", "--since=5m", "--wait=10m", "--watch")
	if e.code != 0 || !strings.Contains(e.out, "promotion: yes: shadow mode, which never blocks: rollback: errors") {
		t.Errorf("exit %d, want 0 and what it would have been:\n%s", e.code, e.all())
	}
}

// TestAServerThatComesUpLateIsWaitedFor, and one that never does is a failure.
func TestAServerThatComesUpLateIsWaitedFor(t *testing.T) {
	w := newAskWorld(t)
	if e := w.serin("ask", "--service=good", "--revision=a", "--gate=start", "--retry=2s"); e.code != exitFailure || !strings.Contains(e.err, "cannot be reached") {
		t.Errorf("nobody there: exit %d, want 1:\n%s", e.code, e.all())
	}
	p := w.begin("ask", "--service=good", "--revision=a", "--gate=start", "--wait=1m")
	p.err.await(t, "cannot be reached")
	w.start("")
	if e := p.wait(); e.code != 0 {
		t.Errorf("it came up: exit %d, want 0:\n%s", e.code, e.all())
	}
}

// TestATokenIsTakenFromAFile, and a wrong one is told at once.
func TestATokenIsTakenFromAFile(t *testing.T) {
	w := newAskWorld(t).start("")
	t.Setenv("SERIN_TOKEN", "wrong-0123456789abcdef")
	ask := []string{"ask", "--service=good", "--revision=a", "--gate=start", "--wait=10m"}
	if e := w.serin(ask...); e.code != 1 || !strings.Contains(e.err, "(401)") || strings.Contains(e.all(), "wrong-") {
		t.Errorf("a wrong token: exit %d:\n%s", e.code, e.all())
	}
	if e := w.serin(append(ask, "--token-file="+filepath.Join(w.dir, "token"))...); e.code != 0 {
		t.Errorf("a token file: exit %d:\n%s", e.code, e.all())
	}
	if e := w.serin(append(ask, "--token-file=nowhere")...); e.code != 1 || !strings.Contains(e.err, "the token file cannot be read") {
		t.Errorf("no token file: exit %d:\n%s", e.code, e.all())
	}
	if e := w.serin("ask", "--service=good", "--gate=start"); e.code != 1 || !strings.Contains(e.err, "nothing says which revision it is; add --revision, or set SERIN_REVISION") {
		t.Errorf("no revision: exit %d:\n%s", e.code, e.all())
	}
}

// TestAJobThatIsCancelledLeavesTheRolloutResumable sends SIGTERM to both ways of
// waiting. Wait returns only when nobody holds the output any more.
func TestAJobThatIsCancelledLeavesTheRolloutResumable(t *testing.T) {
	w := newAskWorld(t).start("")
	args := []string{"ask", "--service=good", "--revision=a", "--weight=10", "--wait=30m"}
	p := w.begin(args...)
	p.err.await(t, "Opened rollout")
	e := p.interrupt()
	_, id := opened(t, e)
	if e.code != exitInterrupted || !strings.Contains(e.err, "the rollout goes on") || e.out != "" {
		t.Errorf("exit %d, want %d and no report:\n%s", e.code, exitInterrupted, e.all())
	}
	if what, again := opened(t, w.serin("ask", "--service=good", "--revision=a")); what != "Found" || again != id {
		t.Errorf("asked again: %s %s, want %s found", what, again, id)
	}

	file, journal := w.planFile("good"), filepath.Join(w.dir, "cli.db")
	once := []string{"judge", "--plan", file, "--prometheus", w.prometheus, "--journal", journal, "--revision=r", "--output=json"}
	p = w.begin(append(once, "--watch")...)
	p.err.await(t, "continue: ")
	first := p.interrupt()
	if first.code != exitInterrupted || !strings.Contains(first.err, "this is the verdict so far") {
		t.Errorf("judge --watch: exit %d, want %d and the verdict so far:\n%s", first.code, exitInterrupted, first.all())
	}
	var ids [2]string
	for i, e := range []ended{first, w.serin(once...)} {
		var v verdict
		if err := json.Unmarshal([]byte(e.out), &v); err != nil {
			t.Fatalf("%v:\n%s", err, e.all())
		}
		ids[i] = v.Rollout.ID
	}
	if ids[0] != ids[1] || ids[0] == "" {
		t.Errorf("got the rollouts %q, want the second command to go on with the first's", ids)
	}
}

// TestTheEndOfALongOutputIsTheVerdict: with the trace a report has hundreds of lines.
func TestTheEndOfALongOutputIsTheVerdict(t *testing.T) {
	w := newAskWorld(t)
	file := w.planFile("bad")
	e := w.serin("judge", "--plan", file, "--prometheus", w.prometheus, "--since=5m", "--trace")
	tail := e.all()
	if e.code != exitRollback || len(tail) < 2500 {
		t.Fatalf("exit %d with %d bytes, want %d and a long output:\n%s", e.code, len(tail), exitRollback, tail)
	}
	tail = tail[len(tail)-1500:]
	if !strings.Contains(tail, "\nSummary\nROLLBACK (proven): bad") || !strings.Contains(tail, "errors") {
		t.Errorf("the last 1,500 characters lack the verdict:\n%s", tail)
	}
}

package execcheck_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/checks/execcheck"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func run(t *testing.T, c checks.Exec) checks.Result {
	t.Helper()
	if c.Within == 0 {
		c.Within = 30 * time.Second
	}
	t.Setenv("SHOP_TOKEN", "hunter2hunter2")
	t.Setenv("SHOP_PLAIN", "plain")
	return execcheck.New(execcheck.Config{}).Run(t.Context(), checks.Spec{Name: "x", Exec: &c}, checks.Target{Revision: "r7; exit 1"})
}

// script writes a shell script and returns its path.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "check.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCommands(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		check  checks.Exec
		status checks.Status
		said   string
	}{
		"good":                {`echo fine`, checks.Exec{}, checks.Passed, `exited with 0 in `},
		"what it wrote":       {`echo a; echo b >&2; echo`, checks.Exec{}, checks.Passed, `; it wrote last "b"`},
		"another code":        {`echo no; exit 3`, checks.Exec{}, checks.Failed, `exited with 3 in `},
		"the code it must":    {`exit 3`, checks.Exec{ExitCode: 3}, checks.Passed, "exited with 3"},
		"zero is not it":      {`exit 0`, checks.Exec{ExitCode: 3}, checks.Failed, "exited with 0 in "},
		"a match":             {`echo ready`, checks.Exec{Matches: "^ready"}, checks.Passed, "exited with 0"},
		"no match":            {`echo not yet`, checks.Exec{Matches: "^ready"}, checks.Failed, `nothing that it wrote matches; it wrote last "not yet"`},
		"one argument":        {`test "$1" = "r7; exit 1" || exit 9`, checks.Exec{Command: []string{"{{ .Revision }}"}}, checks.Passed, "exited with 0"},
		"no other variables":  {`test -z "$SHOP_PLAIN$SHOP_TOKEN$HOME"`, checks.Exec{}, checks.Passed, "exited with 0"},
		"listed variables":    {`test "$SHOP_PLAIN" = plain`, checks.Exec{Env: []string{"SHOP_PLAIN"}}, checks.Passed, "exited with 0"},
		"a variable's secret": {`echo "I am $SHOP_TOKEN"`, checks.Exec{Env: []string{"SHOP_TOKEN"}}, checks.Passed, `wrote last "I am (hidden)`},
		"escapes":             {`printf 'a\033[31mb password=hunter2\n'`, checks.Exec{}, checks.Passed, "[31mb password=(hidden)"},
		"killed":              {`kill -9 $$`, checks.Exec{}, checks.Failed, "was ended in "},
		"much output":         {`i=0; while [ $i -lt 20000 ]; do echo "line $i of a lot of them"; i=$((i+1)); done`, checks.Exec{}, checks.Passed, `wrote last "line 19999 of a lot of them"`},
		"nothing to read":     {`read x; test -z "$x"`, checks.Exec{}, checks.Passed, "exited with 0"},
	} {
		t.Run(name, func(t *testing.T) {
			c.check.Command = append([]string{"/bin/sh", script(t, c.text)}, c.check.Command...)
			got := run(t, c.check)
			if got.Status != c.status || !strings.Contains(got.Reason, c.said) || strings.Contains(got.Reason, "hunter2") || strings.ContainsRune(got.Reason, '\x1b') {
				t.Errorf("got %s: %s\nwant %s: %s", got.Status, got.Reason, c.status, c.said)
			}
		})
	}
}

// TestTimeIsOver ensures that a command is killed with its children when its time is over.
func TestTimeIsOver(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	text := `sleep 600 & echo $! > "$1.tmp"; mv "$1.tmp" "$1"; wait`
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan checks.Result, 1)
	c := checks.Exec{Command: []string{"/bin/sh", script(t, text), file}, Within: time.Hour}
	go func() {
		done <- execcheck.New(execcheck.Config{}).Run(ctx, checks.Spec{Exec: &c}, checks.Target{})
	}()
	child := pidIn(t, file)
	cancel()
	if got := <-done; got.Status != checks.Broken || !strings.Contains(got.Reason, "given up by the caller") {
		t.Errorf("got %s: %s, want it given up", got.Status, got.Reason)
	}
	awaitGone(t, child)

	got := run(t, checks.Exec{Command: []string{"/bin/sh", script(t, "echo waiting; sleep 600")}, Within: 200 * time.Millisecond})
	if got.Status != checks.Failed || !strings.Contains(got.Reason, "did not end in time and was killed, after ") {
		t.Errorf("got %s: %s, want it killed", got.Status, got.Reason)
	}
}

// TestLeftBehind ensures that what a command leaves in the background is killed.
func TestLeftBehind(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	got := run(t, checks.Exec{Command: []string{"/bin/sh", script(t, `sleep 600 >/dev/null 2>&1 & echo $! > "$1"`), file}})
	if got.Status != checks.Passed {
		t.Errorf("got %s: %s, want it passed", got.Status, got.Reason)
	}
	awaitGone(t, pidIn(t, file))

	got = run(t, checks.Exec{Command: []string{"/bin/sh", script(t, `sleep 600 & echo $! > "$1"`), file}})
	if got.Status != checks.Failed || !strings.Contains(got.Reason, "something that it started kept its output open") {
		t.Errorf("got %s: %s, want it failed by what it left", got.Status, got.Reason)
	}
	awaitGone(t, pidIn(t, file))
}

func pidIn(t *testing.T, file string) int {
	t.Helper()
	for range 3000 {
		if b, err := os.ReadFile(file); err == nil {
			if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
				return pid
			}
		}
		pause(t)
	}
	t.Fatalf("no process wrote its number to %s", file)
	return 0
}

// awaitGone waits until a process is there no more, or is dead and not yet collected.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	for range 3000 {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil && syscall.Kill(pid, 0) != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		pause(t)
	}
	t.Errorf("process %d is still there", pid)
}

func pause(t *testing.T) {
	t.Helper()
	select {
	case <-t.Context().Done():
	case <-time.After(10 * time.Millisecond):
	}
}

func TestWhatIsNoCheck(t *testing.T) {
	for want, c := range map[string]checks.Exec{
		"it has no command":                    {},
		"its command[1] cannot be filled in":   {Command: []string{"x", "{{ .Nope }}"}},
		"has a zero byte":                      {Command: []string{"x\x00y"}},
		"was not started: ":                    {Command: []string{"/no/such/program"}},
		"SHOP_NOPE is not set here":            {Command: []string{"true"}, Env: []string{"SHOP_NOPE"}},
		"is no regular expression":             {Command: []string{"true"}, Matches: "("},
		"no server runs commands, and by hand": {},
	} {
		got := run(t, c)
		if strings.HasPrefix(want, "no server") {
			got = execcheck.Refusing().Run(t.Context(), checks.Spec{Exec: &c}, checks.Target{})
		}
		if got.Status != checks.Broken || !strings.Contains(got.Reason, want) {
			t.Errorf("got %s: %s, want %s", got.Status, got.Reason, want)
		}
	}
	if got := execcheck.New(execcheck.Config{}).Run(t.Context(), checks.Spec{}, checks.Target{}); got.Status != checks.Broken {
		t.Errorf("got %s: %s of another kind, want it broken", got.Status, got.Reason)
	}
}

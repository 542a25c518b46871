package faults

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// binary names the variable that holds the path of the built command.
const binary = "SERIN_FAULTS_BINARY"

// atOnce is how many tests run at once. They wait for locks that run out and for work
// that is tried again, more than they work.
const atOnce = "3"

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", atOnce); err != nil {
			panic(err)
		}
	}
	os.Exit(withCommand(m))
}

// withCommand builds the command, where the tests run at all.
func withCommand(m *testing.M) int {
	if os.Getenv("SERIN_E2E") == "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "serin-faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "serin")
	out, err := exec.Command("go", "build", "-o", path, "github.com/serin-canary/serin/cmd/serin").CombinedOutput()
	if err == nil {
		err = os.Setenv(binary, path)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "the command cannot be built: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// needsMinutes skips the suite where it was not asked for.
func needsMinutes(t *testing.T) {
	t.Helper()
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("it runs real servers for minutes; set SERIN_E2E=1")
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, within time.Duration, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(within)
	defer end.Stop()
	for !is() {
		select {
		case <-end.C:
			t.Fatalf("not within %s: %s", within, what)
		case <-t.Context().Done():
			t.Fatalf("the test ended before: %s", what)
		case <-tick.C:
		}
	}
}

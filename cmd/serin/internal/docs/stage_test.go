package docs

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary names the variable that holds the path of the built command. Set it to spare
// the build.
const binary = "SERIN_DOCS_BINARY"

// patience bounds what takes seconds.
const patience = 3 * time.Minute

// stage is a folder in which the commands of a page are typed one after the other: the
// built command in the path, the examples beside it, a free port for a server, and what
// the page's own fences call files.
type stage struct {
	t       *testing.T
	dir     string
	addr    string
	env     []string
	swaps   []string // pairs: what a page says, and what it is here
	before  []string // what was exported, and where to
	servers []*process
}

// process is a command that goes on.
type process struct {
	cmd  *exec.Cmd
	out  *output
	done chan error
}

// output is what a command has written so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// newStage makes a folder for a page.
func newStage(t *testing.T, prometheus string) *stage {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, dir: dir, addr: l.Addr().String()}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s.swaps = []string{
		"go run ./cmd/serin", "serin",
		"http://localhost:9090", prometheus,
		"http://prometheus.monitoring:9090", prometheus,
		"https://serin.example.com", "http://" + s.addr,
		"http://localhost:8080", "http://" + s.addr,
	}
	s.env = []string{
		"PATH=" + filepath.Dir(os.Getenv(binary)) + ":" + os.Getenv("PATH"), "HOME=" + dir, "NO_COLOR=1", "LC_ALL=C.UTF-8", "TMPDIR=" + t.TempDir(),
		"SERIN_LISTEN=" + s.addr, "SERIN_BASE_URL=http://" + s.addr,
	}
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS(filepath.Join(root, "examples"))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

// write writes a file of the stage, in which the page's addresses are this machine's.
func (s *stage) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	mode := os.FileMode(0o600)
	if strings.HasPrefix(text, "#!") {
		mode = 0o700
	}
	if err := os.WriteFile(path, []byte(strings.NewReplacer(s.swaps...).Replace(text)), mode); err != nil {
		s.t.Fatal(err)
	}
}

// run types a command and returns what it printed, by stream, and its exit code.
func (s *stage) run(text string) (printed, errs string, code int) {
	s.t.Helper()
	if strings.HasPrefix(text, "export ") || strings.HasPrefix(text, "cd ") {
		s.before = append(s.before, text)
	}
	if rest, ok := strings.CutSuffix(text, "&"); ok && !strings.HasSuffix(rest, "&") {
		return s.start(rest, "answers at"), "", 0
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := s.shell(ctx, text)
	var out, diag bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diag
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return out.String(), diag.String(), cmd.ProcessState.ExitCode()
}

func (s *stage) shell(ctx context.Context, text string) *exec.Cmd {
	script := strings.NewReplacer(s.swaps...).Replace(strings.Join(slices.Concat([]string{"set -eo pipefail"}, s.before, []string{text}), "\n"))
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Dir, cmd.Env = s.dir, s.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}

// start starts what goes on, and waits until it has said something.
func (s *stage) start(text, until string) string {
	s.t.Helper()
	p := &process{cmd: s.shell(s.t.Context(), "exec "+strings.TrimSpace(text)), out: &output{}, done: make(chan error, 1)}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.servers = append(s.servers, p)
	go func() { p.done <- p.cmd.Wait() }()
	deadline, tick := time.NewTimer(patience), time.NewTicker(20*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for !strings.Contains(p.out.String(), until) {
		select {
		case err := <-p.done:
			p.done <- err
			return fmt.Sprintf("it ended (%v) before it said %q:\n%s", err, until, p.out)
		case <-deadline.C:
			return fmt.Sprintf("it never said %q:\n%s", until, p.out)
		case <-tick.C:
		}
	}
	return p.out.String()
}

// stop interrupts what was started, as Ctrl-C does.
func (s *stage) stop() {
	for _, p := range s.servers {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT) // it may have ended
		select {
		case <-p.done:
		case <-time.After(patience):
			_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		}
	}
	s.servers = nil
}

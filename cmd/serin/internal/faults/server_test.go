package faults

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait that is no promise: machines that run these tests are
// slow and busy.
const patience = 90 * time.Second

// server is serin serve in a process of its own, at an address that it keeps when it
// is started again.
type server struct {
	t      *testing.T
	config string
	addr   string
	env    []string
	said   *lines
	cmd    *exec.Cmd
	done   chan struct{} // closed when the process has ended
}

// lines is what a process said.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve starts a server that is killed when the test ends.
func serve(t *testing.T, config string, env ...string) *server {
	t.Helper()
	s := &server{t: t, config: config, addr: freeAddr(t), env: env, said: &lines{}}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			text := s.said.String()
			t.Logf("%s said:\n%s", s.addr, text[max(0, len(text)-6000):])
		}
	})
	s.start()
	return s
}

// start starts it and returns when it answers.
func (s *server) start() {
	s.t.Helper()
	if err := s.tryStart(); err != nil {
		s.t.Fatal(err)
	}
}

// tryStart is start for other goroutines than the test's.
func (s *server) tryStart() error {
	s.cmd = exec.CommandContext(context.WithoutCancel(s.t.Context()), os.Getenv(binary), "serve", "--config", s.config, "--listen", s.addr)
	s.cmd.Env = append(os.Environ(), s.env...)
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	if err := s.cmd.Start(); err != nil {
		return err
	}
	done, cmd := make(chan struct{}), s.cmd
	s.done = done
	go func() {
		_ = cmd.Wait() // most end by a signal
		close(done)
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		select {
		case <-done:
			return fmt.Errorf("the server ended at its start; it said:\n%s", s.said)
		case <-tick.C:
			if c, err := net.DialTimeout("tcp", s.addr, time.Second); err == nil {
				return c.Close()
			}
		}
	}
	return fmt.Errorf("the server does not answer after %s; it said:\n%s", patience, s.said)
}

// kill kills it, as kill -9 does.
func (s *server) kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may be dead already
	<-s.done
}

// signal sends a signal.
func (s *server) signal(g syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(g); err != nil {
		s.t.Fatal(err)
	}
}

// memory returns a line of the process's status, such as VmRSS or VmHWM, in MiB.
func (s *server) memory(line string) int {
	s.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Skipf("memory is read from /proc: %v", err)
	}
	for _, l := range strings.Split(string(b), "\n") {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				s.t.Fatal(err)
			}
			return kib >> 10
		}
	}
	s.t.Fatalf("there is no %s in the status", line)
	return 0
}

// goroutines asks the listener for profiles how many there are, those of the queue
// engine's upkeep aside: which process has that changes by itself.
func goroutines(t *testing.T, debug string) (n int) {
	t.Helper()
	code, body := get(t, "http://"+debug+"/debug/pprof/goroutine?debug=1")
	if code != http.StatusOK || !strings.HasPrefix(body, "goroutine profile: total ") {
		t.Fatalf("got %d %.100s, want a profile", code, body)
	}
	for _, stack := range strings.Split(body, "\n\n") {
		if m := stacks.FindStringSubmatch(stack); m != nil && !strings.Contains(stack, "riverqueue/river") {
			k, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			n += k
		}
	}
	return n
}

// stacks begins each stack of a profile: how many goroutines have it.
var stacks = regexp.MustCompile(`(?m)^(\d+) @ `)

// get is one GET that must be answered, by a connection of its own.
func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// command runs another command of serin to its end, which must be good.
func command(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, os.Getenv(binary), args...).CombinedOutput()
	if err != nil {
		t.Errorf("serin %s: %v\n%s", strings.Join(args, " "), err, out[max(0, len(out)-3000):])
	}
	return string(out)
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
